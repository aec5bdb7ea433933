-- The newest alerts with the states of their deliveries. Reads usage.alert, usage.delivery. Writes nothing.
SELECT a.alert_id AS alert, a.created_at AS raised, a.level, a.kind, a.budget_id AS about,
       a.facts ->> 'scope_name' AS scope, a.tier, count(d.*) FILTER (WHERE d.state = 'delivered') AS delivered,
       count(d.*) FILTER (WHERE d.state IN ('pending', 'sending')) AS waiting,
       count(d.*) FILTER (WHERE d.state = 'failed') AS failed
FROM usage.alert a
LEFT JOIN usage.delivery d USING (alert_id)
GROUP BY a.alert_id
ORDER BY a.created_at DESC, a.tier DESC, a.alert_id
LIMIT :'limit'::integer
