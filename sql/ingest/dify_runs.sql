-- Keeps each run's own total beside what its leaves say, and books what only the run's total knows: one residual event
-- a finished run whose total stands above its leaves and nested workflows (failed attempts, nodes that lost their row).
-- Dify 1.9.2 and 1.10.0 add what iterations and loops repeat to the run's total. It is known by the data: what is left
-- is to the token what the containers repeat, their leaves are all there, and none may have used more than it says.
-- A run that was stopped may say for good that it is running (Dify 1.12): one of which nothing has happened for an hour,
-- three times what Dify lets a workflow take, has ended when its last node did. It is read again as before.
-- Reads stage_run, staged_figure, run_caller, stage_event, usage.usage_event. Writes usage.run_ledger, stage_event and
-- the temporary table gone_event (residual events that must go since their runs' leaves came). Safe to run twice.
INSERT INTO run_figure
SELECT DISTINCT ON (r.id)
    r.id, r.tenant_id, r.app_id, CASE r.type WHEN 'chat' THEN 'advanced-chat' ELSE r.type END, r.triggered_from,
    r.status, r.status IN ('succeeded', 'failed', 'stopped', 'partial-succeeded'), r.total_tokens,
    coalesce(leaf.tokens, 0),
    greatest(coalesce(part.nested, 0), coalesce(known.nested_tokens, 0)),
    greatest(coalesce(part.containers, 0), coalesce(known.container_tokens, 0)),
    c.kind, c.caller_id, least(r.created_at, known.created_at), r.finished_at, coalesce(part.unsaid, 0),
    coalesce(part.largest_container, 0), 0, greatest(r.created_at, part.newest), r.creator_id, r.user_app_id,
    known.run_id IS NULL, coalesce(leaf.leaves, 0), coalesce(leaf.largest, 0), 0, coalesce(part.own_attempts, false),
    CASE WHEN r.status = 'running' AND quiet.since < :'now'::timestamptz - interval '1 hour' THEN quiet.since END
FROM stage_run r
JOIN run_caller c ON c.id = r.id
LEFT JOIN usage.run_ledger known ON known.source = :'source' AND known.run_id = r.id
LEFT JOIN (
    SELECT run_id,
           sum(total_tokens) FILTER (WHERE kind = 'nested') AS nested,
           sum(total_tokens) FILTER (WHERE kind = 'container') AS containers,
           max(total_tokens) FILTER (WHERE kind = 'container') AS largest_container,
           max(created_at) AS newest, max(greatest(created_at, finished_at)) AS last_end,
           bool_or(own_attempts) AS own_attempts,
           count(*) FILTER (WHERE kind = 'leaf' AND (status IN ('running', 'pending')
                                                     OR (total_tokens = 0 AND status <> 'succeeded'))) AS unsaid
    FROM staged_figure WHERE run_id IS NOT NULL GROUP BY run_id
) AS part ON part.run_id = r.id
LEFT JOIN (
    -- Leaves counted once whose rows are gone at the source by now are still leaves of their run.
    SELECT run_id, sum(total_tokens) AS tokens, count(*) AS leaves, max(total_tokens) AS largest
    FROM (
        SELECT s.run_id, s.total_tokens FROM stage_event s WHERE s.run_id IS NOT NULL
        UNION ALL
        SELECT e.run_id, e.total_tokens FROM usage.usage_event e
        WHERE e.source = :'source' AND e.run_id IN (SELECT id FROM stage_run) AND e.event_id LIKE 'node:%'
          AND NOT EXISTS (SELECT FROM stage_event s WHERE s.event_id = e.event_id)
          AND NOT EXISTS (SELECT FROM gone_event g WHERE g.event_id = e.event_id)
    ) AS counted
    GROUP BY run_id
) AS leaf ON leaf.run_id = r.id
CROSS JOIN LATERAL (SELECT greatest(r.created_at, part.last_end) AS since) AS quiet
ORDER BY r.id;

UPDATE run_figure f
SET residual_tokens = believed.tokens, unexplained_tokens = f.total_tokens - parts.tokens - believed.tokens
FROM run_figure g
CROSS JOIN LATERAL (SELECT g.leaf_tokens + g.nested_tokens AS tokens) AS parts
LEFT JOIN (
    SELECT r.id, usage.inflated(r.total_tokens, array_agg(n.total_tokens), array_agg(n.iteration_round),
                                array_agg(n.loop_round), array_agg(coalesce(n.finished_at, n.created_at))) AS is_so
    FROM run_figure r
    JOIN staged_figure n ON n.run_id = r.id AND n.kind <> 'container'
    WHERE r.finished AND r.container_tokens > 0 AND r.unsaid_leaves = 0
      AND r.total_tokens > r.leaf_tokens + r.nested_tokens
    GROUP BY r.id, r.total_tokens
) AS inflated ON inflated.id = g.id
CROSS JOIN LATERAL (
    SELECT CASE WHEN :'unexplained' = 'count' THEN g.total_tokens - parts.tokens
                ELSE usage.believed_residual(g.total_tokens - parts.tokens, parts.tokens, g.container_tokens,
                                             g.largest_container, g.leaves, g.largest_leaf, g.unsaid_leaves,
                                             g.own_attempts, coalesce(inflated.is_so, false)) END AS tokens
) AS believed
WHERE g.id = f.id AND f.finished AND f.total_tokens > parts.tokens
  AND NOT usage.containers_doubled(g.total_tokens - parts.tokens, parts.tokens, g.container_tokens, g.largest_container,
                                   g.unsaid_leaves);

INSERT INTO usage.run_ledger AS known (
    source, run_id, tenant_id, app_id, app_mode, triggered_from, status, total_tokens, leaf_tokens, nested_tokens,
    container_tokens, caller_kind, caller_id, created_at, finished_at, creator_id, user_app_id,
    unexplained_tokens
)
SELECT :'source', f.id, f.tenant_id, f.app_id, f.app_mode, f.triggered_from, f.status, f.total_tokens, f.leaf_tokens,
       f.nested_tokens, f.container_tokens, f.kind, f.caller_id, f.created_at,
       coalesce(f.finished_at, f.quiet_since),
       f.creator_id, f.user_app_id, f.unexplained_tokens
FROM run_figure f
ON CONFLICT (source, run_id) DO UPDATE
SET status = excluded.status, total_tokens = excluded.total_tokens, leaf_tokens = excluded.leaf_tokens,
    nested_tokens = excluded.nested_tokens, container_tokens = excluded.container_tokens,
    caller_kind = excluded.caller_kind, caller_id = excluded.caller_id, created_at = excluded.created_at,
    finished_at = excluded.finished_at, creator_id = coalesce(excluded.creator_id, known.creator_id),
    user_app_id = coalesce(excluded.user_app_id, known.user_app_id), unexplained_tokens = excluded.unexplained_tokens
WHERE (known.status, known.total_tokens, known.leaf_tokens, known.nested_tokens, known.container_tokens,
       known.caller_kind, known.caller_id, known.created_at, known.finished_at, known.creator_id, known.user_app_id,
       known.unexplained_tokens)
      IS DISTINCT FROM
      (excluded.status, excluded.total_tokens, excluded.leaf_tokens, excluded.nested_tokens,
       excluded.container_tokens, excluded.caller_kind, excluded.caller_id, excluded.created_at,
       excluded.finished_at, coalesce(excluded.creator_id, known.creator_id),
       coalesce(excluded.user_app_id, known.user_app_id), excluded.unexplained_tokens);

INSERT INTO stage_event (
    event_id, tenant_id, app_id, app_mode, run_id, caller_kind, caller_id, input_tokens, output_tokens, total_tokens,
    logged_cost, basis, status, occurred_at
)
SELECT 'residual:' || f.id, f.tenant_id, f.app_id, f.app_mode, f.id, f.kind, f.caller_id, 0, 0,
       f.residual_tokens, 0, 'logged',
       CASE f.status WHEN 'failed' THEN 'failed' WHEN 'stopped' THEN 'stopped' ELSE 'succeeded' END, f.created_at
FROM run_figure f
WHERE f.residual_tokens > 0;

INSERT INTO gone_event
SELECT 'residual:' || f.id FROM run_figure f
WHERE f.residual_tokens = 0
  AND EXISTS (SELECT FROM usage.usage_event e WHERE e.source = :'source' AND e.event_id = 'residual:' || f.id);
