-- The day's runs as the source has them now, with what their node executions say, and the residual that is due: as
-- sql/ingest/dify_runs.sql books it.
-- Reads stage_run, staged_figure, stage_event, usage.usage_event, usage.run_ledger, usage.tenant. Writes own_run.
-- Workflow tools and leaves whose rows the source has deleted are still part of their run's total: the ledger remembers
-- them.
INSERT INTO own_run
SELECT r.id, r.status, r.finished, r.total_tokens, r.leaf_tokens, r.nested_tokens, r.container_tokens, r.created_at,
       CASE WHEN NOT r.finished OR r.left_over <= 0
                 OR usage.containers_doubled(r.left_over, r.parts, r.container_tokens, r.largest_container, r.unsaid)
            THEN 0
            WHEN :'unexplained' = 'count' THEN r.left_over
            ELSE usage.believed_residual(r.left_over, r.parts, r.container_tokens, r.largest_container, r.leaves,
                                         r.largest_leaf, r.unsaid, r.own_attempts,
                                         r.container_tokens > 0 AND r.unsaid = 0
                                         AND usage.inflated(r.total_tokens, r.tokens, r.iteration_rounds, r.loop_rounds,
                                                            r.ends)) END
FROM (
    SELECT s.id, s.status, s.status IN ('succeeded', 'failed', 'stopped', 'partial-succeeded') AS finished,
           s.total_tokens, coalesce(leaf.tokens, 0) AS leaf_tokens, held.nested AS nested_tokens,
           held.containers AS container_tokens, coalesce(part.largest_container, 0) AS largest_container,
           coalesce(part.unsaid, 0) AS unsaid, coalesce(part.own_attempts, false) AS own_attempts, s.created_at,
           part.tokens, part.iteration_rounds, part.loop_rounds, part.ends,
           (coalesce(leaf.tokens, 0) + coalesce(gone.tokens, 0) + held.nested)::bigint AS parts,
           coalesce(leaf.leaves, 0) + coalesce(gone.leaves, 0) AS leaves,
           greatest(leaf.largest, gone.largest, 0) AS largest_leaf,
           (s.total_tokens - coalesce(leaf.tokens, 0) - coalesce(gone.tokens, 0) - held.nested)::bigint AS left_over
    FROM (SELECT DISTINCT ON (id) * FROM stage_run ORDER BY id) AS s
    LEFT JOIN usage.tenant t ON t.source = :'source' AND t.tenant_id = s.tenant_id
    LEFT JOIN usage.run_ledger l ON l.source = :'source' AND l.run_id = s.id
    LEFT JOIN (
        SELECT run_id, sum(total_tokens) FILTER (WHERE kind = 'nested') AS nested,
               sum(total_tokens) FILTER (WHERE kind = 'container') AS containers,
               max(total_tokens) FILTER (WHERE kind = 'container') AS largest_container,
               count(*) FILTER (WHERE kind = 'leaf' AND (status IN ('running', 'pending')
                                                         OR (total_tokens = 0 AND status <> 'succeeded'))) AS unsaid,
               bool_or(own_attempts) AS own_attempts,
               array_agg(total_tokens) FILTER (WHERE kind <> 'container') AS tokens,
               array_agg(iteration_round) FILTER (WHERE kind <> 'container') AS iteration_rounds,
               array_agg(loop_round) FILTER (WHERE kind <> 'container') AS loop_rounds,
               array_agg(coalesce(finished_at, created_at)) FILTER (WHERE kind <> 'container') AS ends
        FROM staged_figure WHERE run_id IS NOT NULL GROUP BY run_id
    ) AS part ON part.run_id = s.id
    CROSS JOIN LATERAL (
        SELECT greatest(coalesce(part.nested, 0), coalesce(l.nested_tokens, 0)) AS nested,
               greatest(coalesce(part.containers, 0), coalesce(l.container_tokens, 0))::bigint AS containers
    ) AS held
    LEFT JOIN (
        SELECT run_id, sum(total_tokens) AS tokens, count(*) AS leaves, max(total_tokens) AS largest
        FROM stage_event GROUP BY run_id
    ) AS leaf ON leaf.run_id = s.id
    LEFT JOIN (
        SELECT e.run_id, sum(e.total_tokens) AS tokens, count(*) AS leaves, max(e.total_tokens) AS largest
        FROM usage.usage_event e
        WHERE e.source = :'source' AND e.run_id IN (SELECT id FROM stage_run) AND e.event_id LIKE 'node:%'
          AND NOT EXISTS (SELECT FROM stage_event x WHERE x.event_id = e.event_id)
        GROUP BY e.run_id
    ) AS gone ON gone.run_id = s.id
    WHERE (s.created_at AT TIME ZONE coalesce(t.timezone, :'zone'))::date = :'day'::date
) AS r;

ANALYZE own_run, stage_event, own_sum;
