-- How each source of a list stands: whether it was read to its end lately, without an error and from a database that holds
-- what was committed; whether it is still being read for the first time; and how far its replica is where that is behind.
-- Reads usage.source_state, usage.source_problem. Writes nothing.
SELECT s.id AS source,
       t.last_error IS NULL AND p.detail IS NULL
           AND coalesce(t.last_success_at > now() - :'within'::interval, false) AS fresh,
       t.last_error IS NULL AND t.last_success_at IS NULL AND t.read_up_to IS NOT NULL AS beginning,
       t.last_success_at, t.read_up_to, t.last_error, p.detail AS behind, t.replayed_up_to
FROM unnest(:'sources'::text[]) WITH ORDINALITY AS s (id, position)
LEFT JOIN usage.source_state t ON t.source = s.id
LEFT JOIN usage.source_problem p ON p.source = s.id AND p.kind = 'behind' AND p.row_id = 'replica'
ORDER BY s.position
