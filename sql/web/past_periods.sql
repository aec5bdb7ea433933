-- The periods of one value of a budget, the newest first, with the one that has not ended. Reads usage.budget_status.
-- Writes nothing.
SELECT b.period_start, b.period_end, b.zone, b.measure, b.spent, b."limit", b.ratio, b.level
FROM usage.budget_status b
WHERE b.budget_id = :'budget_id' AND b.scope_value = :'scope_value' AND b.period = :'period' AND b.period_start <= now()
ORDER BY b.period_start DESC
LIMIT 30
