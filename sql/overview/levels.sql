-- How many values of budgets stand at which level in their current periods. Reads usage.budget_status. Writes nothing.
SELECT level, count(*) AS number
FROM usage.budget_status
WHERE period_start <= now() AND period_end > now()
GROUP BY level
