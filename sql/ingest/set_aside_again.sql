-- Rows of a table without an index on its times that were set aside: they are read again by primary key, for 90 days.
-- Reads usage.source_problem. Writes nothing.
SELECT p.row_id
FROM usage.source_problem p
WHERE p.source = :'source' AND p.kind = 'set_aside' AND p.row_kind = :'row_kind'
  AND p.first_seen_at > now() - interval '90 days'
ORDER BY p.first_seen_at DESC
LIMIT 1000
