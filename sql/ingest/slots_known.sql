-- The slots of a source from :since on that were counted by the rules of today: as long as their digest is the same, they
-- need not be read again. Reads usage.read_slot by primary key. Writes nothing.
SELECT s.starts_at, s.digest
FROM usage.read_slot s
WHERE s.source = :'source' AND s.starts_at >= :'since'::timestamptz AND s.rules = :'rules'
