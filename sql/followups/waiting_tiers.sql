-- The tiers of these budgets of which something is not sent yet, with the zones of their periods.
-- Reads usage.delivery along delivery_due, usage.alert. Writes nothing.
SELECT DISTINCT a.budget_id, a.tier, a.tier_on, coalesce(a.facts ->> 'timezone', '') AS timezone
FROM usage.delivery d
JOIN usage.alert a USING (alert_id)
WHERE d.state = 'pending' AND d.message_id IS NULL AND a.kind = ANY (:'of_budgets'::text[]) AND a.budget_id = ANY (:'budgets'::text[])
