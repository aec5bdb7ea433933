-- How every value stands in the period just evaluated. Reads stage_status, stage_passed. Writes nothing.
SELECT s.budget_id, s.scope_value, s.period_start, s.scope_name, s.measure, s.spent, s."limit", round(s.ratio, 4) AS ratio,
       coalesce(gravest.level, 'ok') AS level
FROM stage_status s
:levels
WHERE s.period_end > now()
ORDER BY s.budget_id, s.scope_value, s.period_start
