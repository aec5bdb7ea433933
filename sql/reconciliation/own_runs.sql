-- The day's runs as the source has them now, with what their node executions say.
-- Reads stage_run, staged_figure, run_figure, stage_event, usage.run_ledger, usage.tenant. Writes own_run.
-- Workflow tools whose rows the source has deleted are still part of their run's total: the ledger remembers them.
INSERT INTO own_run
SELECT r.id, r.status, r.status IN ('succeeded', 'failed', 'stopped', 'partial-succeeded'), r.total_tokens,
       coalesce(leaf.tokens, 0), greatest(coalesce(part.nested, 0), coalesce(l.nested_tokens, 0)),
       coalesce(part.containers, 0), r.created_at, coalesce(f.residual_tokens, 0)
FROM (SELECT DISTINCT ON (id) * FROM stage_run ORDER BY id) AS r
LEFT JOIN usage.tenant t ON t.source = :'source' AND t.tenant_id = r.tenant_id
LEFT JOIN run_figure f ON f.id = r.id
LEFT JOIN usage.run_ledger l ON l.source = :'source' AND l.run_id = r.id
LEFT JOIN (
    SELECT run_id, sum(total_tokens) FILTER (WHERE kind = 'nested') AS nested,
           sum(total_tokens) FILTER (WHERE kind = 'container') AS containers
    FROM staged_figure WHERE run_id IS NOT NULL GROUP BY run_id
) AS part ON part.run_id = r.id
LEFT JOIN (SELECT run_id, sum(total_tokens) AS tokens FROM stage_event GROUP BY run_id) AS leaf ON leaf.run_id = r.id
WHERE (r.created_at AT TIME ZONE coalesce(t.timezone, :'zone'))::date = :'day'::date;

ANALYZE own_run, stage_event, own_sum;
