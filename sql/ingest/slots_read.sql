-- Notes slots (:starts, :digests) as read and counted at :now by :rules, in the transaction that counted them.
-- Writes usage.read_slot. Safe to run twice.
INSERT INTO usage.read_slot AS known (source, starts_at, digest, rules, read_at)
SELECT :'source', read.starts_at, read.digest, :'rules', :'now'::timestamptz
FROM unnest(:'starts'::timestamptz[], :'digests'::numeric[]) AS read (starts_at, digest)
ON CONFLICT (source, starts_at) DO UPDATE
SET digest = excluded.digest, rules = excluded.rules, read_at = excluded.read_at;
