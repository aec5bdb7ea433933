-- How many of the evaluated rows go from one level to another; `was` is null for a row that there was not.
-- Reads stage_status, stage_passed, usage.budget_status. Writes nothing.
SELECT coalesce(gravest.level, 'ok') AS level, was.level AS was, count(*) AS number
FROM stage_status s
:levels
LEFT JOIN usage.budget_status was USING (budget_id, scope_value, period_start)
GROUP BY 1, 2
ORDER BY 1, 2
