-- What happened to an alert, to the overrides of its budget's value in its period, and to actions because of it, in order;
-- :actions are those that it is about where it is of no budget.
-- Reads usage.alert_event, usage.budget_event, usage.enforcement_event, usage.enforcement_action. Writes nothing.
SELECT s.at, s.what, s.by, s.known_by, s.about, s.detail, s.tenant_id, s.tenant_name
FROM (
    SELECT e.at, e.what, e.by_whom AS by, e.known_by, coalesce(e.recipient, '') AS about, coalesce(e.detail, '') AS detail,
           NULL AS tenant_id, NULL AS tenant_name, 0 AS place, e.event_id
    FROM usage.alert_event e
    WHERE e.alert_id = :'alert_id' AND e.what IN ('raised', 'acknowledged', 'resolved')
    UNION ALL
    SELECT e.at, e.kind, e.by, e.known_by, e.about, e.detail, NULL, NULL, 1, e.event_id
    FROM usage.budget_event e
    WHERE e.budget_id = :'budget_id' AND e.scope_value = :'scope_value' AND e.at >= :'from'::timestamptz
      AND e.at < :'until'::timestamptz AND e.kind LIKE 'raise %'
    UNION ALL
    SELECT e.at, a.action || ': ' || e.kind, e.by, e.known_by, a.target_name, e.detail, a.tenant_id, t.name, 2, e.event_id
    FROM usage.enforcement_action a
    JOIN usage.enforcement_event e USING (action_id)
    LEFT JOIN usage.tenant t ON t.source = a.source AND t.tenant_id = a.tenant_id
    WHERE (a.budget_id = :'budget_id' AND a.scope_value = :'scope_value' AND a.requested_at >= :'from'::timestamptz
           AND a.requested_at < :'until'::timestamptz OR a.action_id = ANY (:'actions'::text[])) AND e.kind <> 'call'
) AS s
ORDER BY s.at, s.place, s.event_id
LIMIT 200
