-- Units without a run that do not fit: nodes that were run by themselves and tools' own model calls.
-- Reads own_unit, our_event, our_run, usage.tenant. Writes nothing.
WITH theirs AS (
    SELECT DISTINCT ON (u.event_id) u.* FROM own_unit u
    LEFT JOIN usage.tenant t ON t.source = :'source' AND t.tenant_id = u.tenant_id
    WHERE u.occurred_at < :'until'::timestamptz
      AND (u.occurred_at AT TIME ZONE coalesce(t.timezone, :'zone'))::date = :'day'::date
    ORDER BY u.event_id
), ours AS (
    SELECT e.* FROM our_event e
    LEFT JOIN usage.tenant t ON t.source = :'source' AND t.tenant_id = e.tenant_id
    WHERE e.basis = 'logged'
      AND e.occurred_at >= :'since'::timestamptz AND e.occurred_at < :'until'::timestamptz
      AND (e.occurred_at AT TIME ZONE coalesce(t.timezone, :'zone'))::date = :'day'::date
      AND (e.event_id LIKE 'tool_call:%' OR (e.event_id LIKE 'node:%' AND e.run_id IS NULL))
)
SELECT ours.event_id FROM ours
WHERE ours.gone_at_source IS NULL AND NOT EXISTS (SELECT FROM theirs WHERE theirs.event_id = ours.event_id)
UNION
SELECT theirs.event_id FROM theirs
LEFT JOIN our_event e ON e.event_id = theirs.event_id
WHERE e.event_id IS NULL OR e.gone_at_source IS NOT NULL
   OR (e.input_tokens, e.output_tokens, e.total_tokens, e.logged_cost, e.occurred_at)
      IS DISTINCT FROM
      (theirs.input_tokens, theirs.output_tokens, theirs.total_tokens, theirs.logged_cost, theirs.occurred_at)
