-- The current period of every budget, the highest ratio first. Reads usage.budget_status. Writes nothing.
SELECT b.budget_id, b.scope_name, (b.period_start AT TIME ZONE b.zone)::date, b.measure, round(b.spent, 2), b."limit",
       round(b.ratio * 100, 1), b.level, round(b.forecast, CASE b.measure WHEN 'cost' THEN 2 ELSE 0 END)
FROM usage.budget_status b
WHERE b.period_start <= now() AND b.period_end > now()
ORDER BY b.ratio DESC, b.budget_id, b.scope_name
LIMIT 40
