-- Actions that keep something closed at Dify now, the newest first. Reads usage.enforcement_action. Writes nothing.
SELECT action, target_name AS target, budget_id, applied_at
FROM usage.enforcement_action
WHERE held IS NOT NULL AND released_at IS NULL
ORDER BY requested_at DESC, place
