-- The current period of one budget, or of every one when :budget_id is null. Reads usage.budget_status. Writes nothing.
SELECT b.budget_id, b.scope_value, b.scope_name, b.period, b.period_start, b.period_end, b.measure, b.spent, b."limit",
       round(b.ratio, 4), b.level, b.forecast, b.as_of, b.config_version
FROM usage.budget_status b
WHERE b.period_start <= now() AND b.period_end > now()
  AND (:'budget_id'::text IS NULL OR b.budget_id = :'budget_id'::text)
ORDER BY b.ratio DESC, b.budget_id, b.scope_name
