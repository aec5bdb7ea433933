-- Notes rows of a completion log with figures that cannot be read: they count as far as they can be, and are said.
-- Reads stage_log. Writes usage.source_problem, at most twenty rows of a kind a window. Safe to run twice.
-- A row that can be read now is taken off.
WITH figure AS (
    SELECT l.id, l.created_at,
           (l.input_tokens IS NOT NULL AND usage.as_tokens(l.input_tokens) IS NULL)
           OR (l.output_tokens IS NOT NULL AND usage.as_tokens(l.output_tokens) IS NULL) AS bad_tokens,
           l.cost IS NOT NULL AND NOT usage.can_cost(usage.as_number(l.cost)) AS bad_cost
    FROM stage_log l WHERE l.id IS NOT NULL
), problem AS (
    (SELECT 'unreadable_time' AS kind, id, 'its time cannot be read, so it is not counted' AS detail
     FROM figure WHERE created_at IS NULL ORDER BY id LIMIT 20)
    UNION ALL
    (SELECT 'unreadable_tokens', id, 'a count of tokens is no number from zero up, and counts as zero'
     FROM figure WHERE bad_tokens ORDER BY id LIMIT 20)
    UNION ALL
    (SELECT 'missing_id', 'id', 'rows without an id are not counted: they could not be told apart'
     FROM stage_log WHERE id IS NULL LIMIT 1)
    UNION ALL
    (SELECT 'unreadable_cost', id, 'its cost is no number that a call can cost: priced as if the log named none'
     FROM figure WHERE bad_cost ORDER BY id LIMIT 20)
), mended AS (
    DELETE FROM usage.source_problem p
    USING figure f
    WHERE p.source = :'source' AND p.row_id = f.id
      AND ((p.kind = 'unreadable_time' AND f.created_at IS NOT NULL)
           OR (p.kind = 'unreadable_tokens' AND NOT f.bad_tokens) OR (p.kind = 'unreadable_cost' AND NOT f.bad_cost))
)
INSERT INTO usage.source_problem (source, kind, row_id, detail)
SELECT DISTINCT :'source', kind, id, detail FROM problem
ON CONFLICT (source, kind, row_id) DO NOTHING;
