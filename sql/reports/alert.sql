-- One alert with its facts as they were when it was raised. Reads usage.alert. Writes nothing.
SELECT alert_id, kind, budget_id, scope_value, level, tier, created_at, facts
FROM usage.alert
WHERE alert_id = :'alert_id'
