-- Everything that happened to alerts between two moments: each change of state and each attempt, in the order of time.
-- Reads usage.alert_event along alert_event_at, usage.alert, usage.alert_delivery. Writes nothing.
SELECT e.at, e.alert_id, a.kind, a.level, a.budget_id, a.facts ->> 'scope_name' AS scope, e.what, e.from_state, e.delivery_id,
       e.recipient, e.channel, e.attempt, t.message_id, t.outcome, t.http_status, t.answer, e.detail, e.by_whom,
       e.known_by, e.config_version
FROM usage.alert_event e
LEFT JOIN usage.alert a USING (alert_id)
LEFT JOIN usage.alert_delivery t
       ON t.delivery_id = e.delivery_id AND t.attempt = e.attempt AND e.from_state = 'sending'
WHERE e.at >= :'from'::timestamptz AND e.at < :'to'::timestamptz
ORDER BY e.at, e.event_id
