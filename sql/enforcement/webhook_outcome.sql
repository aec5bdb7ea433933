-- What became of the request of one action of an outside system: delivered when any recipient has it, failed when every
-- one has failed, else null. Reads usage.alert, usage.delivery. Writes nothing.
SELECT CASE WHEN bool_or(d.state = 'delivered') THEN 'delivered' WHEN bool_and(d.state = 'failed') THEN 'failed' END
FROM usage.alert a
JOIN usage.delivery d USING (alert_id)
WHERE a.kind = 'enforcement' AND a.budget_id = :'action_id' AND a.facts ->> 'what' = 'asked'
