-- The values of a budget in its current periods, the highest ratio first. Reads usage.budget_status. Writes nothing.
SELECT scope_value, scope_name
FROM usage.budget_status
WHERE budget_id = :'budget_id' AND period_start <= :'now'::timestamptz AND period_end > :'now'::timestamptz
ORDER BY ratio DESC
