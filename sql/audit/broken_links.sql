-- The first link of a stretch of the chain that does not follow from the one before: its hash is another, or one is missing
-- between them. Reads usage.audit_chain. Writes nothing.
SELECT c.seq, c.table_name, c.row_key,
       CASE WHEN c.before_it IS DISTINCT FROM c.seq - 1 THEN 'missing' ELSE 'broken' END AS problem
FROM (
    SELECT l.*, coalesce(lag(l.seq) OVER chain, 0) AS before_it, coalesce(lag(l.hash) OVER chain, '') AS previous
    FROM usage.audit_chain l
    WHERE l.seq BETWEEN :'first'::bigint - 1 AND :'last'::bigint
    WINDOW chain AS (ORDER BY l.seq)
) AS c
WHERE c.seq >= :'first'::bigint
  AND (c.before_it IS DISTINCT FROM c.seq - 1
       OR c.hash IS DISTINCT FROM usage.link_hash(c.previous, c.seq, c.at, c.table_name, c.row_key, c.digest))
ORDER BY c.seq
LIMIT 1
