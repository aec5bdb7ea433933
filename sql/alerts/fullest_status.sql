-- The current status of a budget's fullest value, for a look at what its alert would say.
-- Reads usage.budget_status and :budget_id. Writes nothing.
SELECT scope_value, scope_name, scope, period, zone, period_start, period_end, measure, spent, "limit", ratio, forecast,
       (measures -> 'tokens' ->> 'spent')::numeric AS tokens, (measures -> 'cost' ->> 'spent')::numeric AS cost
FROM usage.budget_status
WHERE budget_id = :'budget_id'
ORDER BY period_end DESC, budget_status.ratio DESC, scope_value
LIMIT 1
