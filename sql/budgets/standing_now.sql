-- The current rows of every budget, or of :budget_id, the highest ratio first. Reads usage.budget_status. Writes nothing.
SELECT budget_id AS budget, scope_name AS scope, (period_start AT TIME ZONE zone)::date AS period_from,
       round(spent, 2) AS spent, "limit", round(ratio, 3) AS ratio, level, round(forecast, 0) AS forecast,
       config_version AS version
FROM usage.budget_status
WHERE period_end > now() AND (:'budget_id'::text IS NULL OR budget_id = :'budget_id'::text)
ORDER BY budget_status.ratio DESC
LIMIT 25
