-- The open rows to read again now, at most :limit. With :all every one, but each once a pass (:started is its begin); those
-- that were read often :enough in it are left for the next one.
-- Reads usage.open_row. Writes nothing.
SELECT o.kind, o.row_id
FROM usage.open_row o
WHERE o.source = :'source'
  AND (o.next_read_at = '-infinity'
       OR (o.read_at < :'started'::timestamptz AND (:'all'::boolean OR o.next_read_at <= :'now'::timestamptz)))
  AND o.row_id <> ALL (:'enough'::text[])
ORDER BY o.occurred_at
LIMIT :'limit'::bigint
