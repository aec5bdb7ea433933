-- Configured sources whose replica has stopped or is behind since before :seen_before, and holds nothing newer than :before.
-- Reads usage.source_problem, usage.source_state. Writes nothing.
SELECT s.id AS source, p.first_seen_at AS behind_since, p.detail, t.replayed_up_to
FROM unnest(:'sources'::text[]) AS s (id)
JOIN usage.source_problem p ON p.source = s.id AND p.kind = 'behind' AND p.row_id = 'replica'
JOIN usage.source_state t ON t.source = s.id
WHERE p.first_seen_at < :'seen_before'::timestamptz AND coalesce(t.replayed_up_to < :'before'::timestamptz, true)
ORDER BY s.id
