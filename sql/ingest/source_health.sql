-- How each source of a list stands: whether it was read to its end lately and without an error, and whether it is still
-- being read for the first time. Reads usage.source_state. Writes nothing.
SELECT s.id AS source,
       t.last_error IS NULL AND coalesce(t.last_success_at > now() - :'within'::interval, false) AS fresh,
       t.last_error IS NULL AND t.last_success_at IS NULL AND t.read_up_to IS NOT NULL AS beginning,
       t.last_success_at, t.read_up_to, t.last_error
FROM unnest(:'sources'::text[]) WITH ORDINALITY AS s (id, position)
LEFT JOIN usage.source_state t ON t.source = s.id
ORDER BY s.position
