-- Notes slots (:starts, :digests) as read and counted at :now by :rules, in the transaction that counted them; what was
-- noted of others that the window from :since to :until (null: to the end) touches is forgotten.
-- Writes usage.read_slot. Safe to run twice.
DELETE FROM usage.read_slot
WHERE source = :'source' AND starts_at > :'since'::timestamptz - interval '10 seconds'
  AND (:'until'::timestamptz IS NULL OR starts_at < :'until'::timestamptz)
  AND starts_at <> ALL (:'starts'::timestamptz[]);

INSERT INTO usage.read_slot AS known (source, starts_at, digest, rules, read_at)
SELECT :'source', read.starts_at, read.digest, :'rules', :'now'::timestamptz
FROM unnest(:'starts'::timestamptz[], :'digests'::numeric[]) AS read (starts_at, digest)
ON CONFLICT (source, starts_at) DO UPDATE
SET digest = excluded.digest, rules = excluded.rules, read_at = excluded.read_at;
