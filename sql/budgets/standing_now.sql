-- The current rows of every budget, or of :budget_id, the highest ratio first, :limit at most.
-- Reads usage.budget_status. Writes nothing.
SELECT s.budget_id, s.scope_name, s.scope, (s.period_start AT TIME ZONE s.zone)::date AS since, s.period, s.measure, s.spent,
       s."limit", s.ratio, s.level, s.forecast, s.config_version
FROM usage.budget_status s
WHERE s.period_start <= now() AND s.period_end > now()
  AND (:'budget_id'::text IS NULL OR s.budget_id = :'budget_id'::text)
ORDER BY s.ratio DESC, s.budget_id, s.scope_name
LIMIT :'limit'::integer
