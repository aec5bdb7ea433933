-- The newest attempts to deliver alerts. Reads usage.alert_delivery, usage.alert. Writes nothing.
SELECT x.alert_id, x.level, x.budget, x.scope, x.recipient, x.attempt, x.outcome, x.answer
FROM (
    SELECT t.alert_id, a.level, a.budget_id AS budget, a.facts ->> 'scope_name' AS scope,
           t.recipient || ' (' || t.channel || ')' AS recipient, t.attempt, t.outcome, left(t.answer, 80) AS answer,
           t.started_at
    FROM usage.alert_delivery t
    JOIN usage.alert a USING (alert_id)
    ORDER BY t.started_at DESC
    LIMIT 20
) AS x
ORDER BY x.started_at, x.alert_id, x.attempt
