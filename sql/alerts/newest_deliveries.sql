-- The newest alerts with the state of each delivery and the channel's last answer. Reads usage.alert, usage.delivery,
-- usage.alert_delivery. Writes nothing.
SELECT a.alert_id AS alert, a.level, a.budget_id AS what, a.facts ->> 'scope_name' AS scope, a.created_at AS raised,
       d.recipient, d.state, d.attempts,
       (SELECT t.answer FROM usage.alert_delivery t WHERE t.delivery_id = d.delivery_id
        ORDER BY t.attempt DESC LIMIT 1) AS answer
FROM usage.alert a
LEFT JOIN usage.delivery d USING (alert_id)
ORDER BY a.created_at DESC, a.tier DESC, d.recipient
LIMIT 30
