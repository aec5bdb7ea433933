-- The newest alerts with the states of their deliveries. and who took them. Reads usage.alert, usage.delivery, usage.acknowledgement. Writes nothing.
SELECT a.alert_id AS alert, a.created_at AS raised, a.level, a.kind, a.budget_id AS about,
       a.facts ->> 'scope_name' AS scope, a.tier, count(d.*) FILTER (WHERE d.state = 'delivered') AS delivered,
       count(d.*) FILTER (WHERE d.state IN ('pending', 'sending')) AS waiting,
       count(d.*) FILTER (WHERE d.state = 'failed') AS failed, k.by_whom AS taken_by
FROM usage.alert a
LEFT JOIN usage.delivery d USING (alert_id)
LEFT JOIN usage.acknowledgement k USING (alert_id)
GROUP BY a.alert_id, k.alert_id
ORDER BY a.created_at DESC, a.tier DESC, a.alert_id
LIMIT :'limit'::integer
