-- Forgets the slots of a source that no look-back reaches any more. Writes usage.read_slot. Safe to run twice.
DELETE FROM usage.read_slot WHERE source = :'source' AND starts_at < :'since'::timestamptz - interval '1 hour';
