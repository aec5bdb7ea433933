-- One alert with its facts as they were when it was raised, and who took it. Reads usage.alert, usage.acknowledgement.
-- Writes nothing.
SELECT a.alert_id, a.kind, a.budget_id, a.scope_value, a.level, a.tier, a.created_at, a.facts, k.by_whom AS taken_by,
       k.at AS taken_at, k.note AS taken_note, k.known_by AS taken_known_by
FROM usage.alert a
LEFT JOIN usage.acknowledgement k USING (alert_id)
WHERE alert_id = :'alert_id'
