-- The newest alerts with the states of their deliveries. Reads usage.alert, usage.delivery. Writes nothing.
SELECT a.alert_id, a.created_at, a.level, a.kind, a.budget_id, a.facts ->> 'scope_name', a.tier,
       count(d.*) FILTER (WHERE d.state = 'delivered'), count(d.*) FILTER (WHERE d.state IN ('pending', 'sending')),
       count(d.*) FILTER (WHERE d.state = 'failed')
FROM usage.alert a
LEFT JOIN usage.delivery d USING (alert_id)
GROUP BY a.alert_id
ORDER BY a.created_at DESC, a.tier DESC, a.alert_id
LIMIT :'most'::integer
