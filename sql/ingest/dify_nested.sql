-- Finds out which project called each run as a tool, however deep: the topmost one. A run was called by the tool node
-- during which it began, for the same user (usage.nested_link); an end user of another app also shows whose call it was.
-- Where the possible callers lie in different projects it cannot be known: that is said, and the run stays its own.
-- Reads stage_node, run_figure, usage.workflow_tool, usage.nested_link. Writes usage.nested_call, usage.run_ledger,
-- usage.source_problem and, where runs are booked to their callers, restaged: events already in the ledger whose
-- caller is known only now. Safe to run twice.
INSERT INTO usage.nested_call AS known (source, call_id, run_id, child_app_id, started_at, ended_at)
SELECT DISTINCT ON (n.id) :'source', n.id, n.run_id, w.app_id, n.created_at, greatest(n.finished_at, n.created_at)
FROM stage_node n
JOIN usage.workflow_tool w ON w.source = :'source' AND w.provider_id = n.tool_provider_id
WHERE n.tool_kind = 'workflow' AND n.run_id IS NOT NULL AND n.finished_at IS NOT NULL
ORDER BY n.id
ON CONFLICT (call_id, source) DO UPDATE
SET child_app_id = excluded.child_app_id, started_at = excluded.started_at, ended_at = excluded.ended_at
WHERE (known.child_app_id, known.started_at, known.ended_at)
      IS DISTINCT FROM (excluded.child_app_id, excluded.started_at, excluded.ended_at);

-- A planner that knows nothing of tables that have just been filled reads a whole source's runs for each run.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_class c
        WHERE c.oid IN ('usage.run_ledger'::regclass, 'usage.nested_call'::regclass)
          AND pg_relation_size(c.oid) > 2 * current_setting('block_size')::bigint * greatest(c.relpages, 0)
    ) THEN
        ANALYZE usage.run_ledger, usage.nested_call;
    END IF;
END
$$;

-- Runs just read, what these runs called, and what that called in turn. Each step is a look-up a run (OFFSET 0).
INSERT INTO asked_run
WITH RECURSIVE asked AS (
    SELECT f.id AS run_id FROM run_figure f
    UNION
    SELECT child.run_id
    FROM asked a
    CROSS JOIN LATERAL (
        SELECT l.run_id
        FROM usage.nested_call c
        JOIN usage.run_ledger l ON l.source = :'source' AND l.app_id = c.child_app_id
                               AND l.created_at BETWEEN c.started_at AND c.ended_at
        WHERE c.source = :'source' AND c.run_id = a.run_id
        OFFSET 0
    ) AS child
)
SELECT run_id FROM asked;

INSERT INTO run_calling
WITH RECURSIVE up AS (
    SELECT a.run_id, a.run_id AS above, NULL::text AS via, 0 AS steps FROM asked_run a
    UNION
    SELECT u.run_id, caller.run_id, u.above, u.steps + 1
    FROM up u
    CROSS JOIN LATERAL (
        SELECT k.calling_run_id AS run_id FROM usage.nested_link k
        WHERE k.source = :'source' AND k.run_id = u.above
        OFFSET 0
    ) AS caller
    WHERE u.steps < 10
), top AS (
    SELECT DISTINCT u.run_id, l.app_id
    FROM up u
    CROSS JOIN LATERAL (
        SELECT coalesce(r.user_app_id, r.app_id) AS app_id FROM usage.run_ledger r
        WHERE r.source = :'source' AND r.run_id = u.above
        OFFSET 0
    ) AS l
    WHERE NOT EXISTS (SELECT FROM up v WHERE v.run_id = u.run_id AND v.via = u.above)
)
SELECT t.run_id, CASE WHEN count(*) = 1 THEN min(t.app_id) END, string_agg(t.app_id, ', ' ORDER BY t.app_id)
FROM top t
GROUP BY t.run_id;

WITH found AS (
    UPDATE usage.run_ledger l
    SET calling_app_id = nullif(c.app_id, l.app_id)
    FROM run_calling c
    WHERE l.source = :'source' AND l.run_id = c.run_id
      AND l.calling_app_id IS DISTINCT FROM nullif(c.app_id, l.app_id)
    RETURNING l.run_id
)
INSERT INTO restaged
SELECT e.event_id
FROM found f
JOIN usage.usage_event e ON e.source = :'source' AND e.run_id = f.run_id
WHERE :'nested' = 'caller';

DELETE FROM usage.source_problem p
USING run_calling c
WHERE p.source = :'source' AND p.kind = 'nested_ambiguous' AND p.row_id = c.run_id
  AND (c.app_id IS NOT NULL OR :'nested' <> 'caller');

INSERT INTO usage.source_problem (source, kind, row_id, detail)
SELECT :'source', 'nested_ambiguous', c.run_id, 'booked to its own project; several may have called it: ' || c.callers
FROM run_calling c
WHERE c.app_id IS NULL AND :'nested' = 'caller'
ON CONFLICT (source, kind, row_id) DO NOTHING;
