-- What an alert stood for in front of people: the lower tiers of the same value and period, and, where it came first in a
-- message of several, all the others in it. Reads usage.alert, usage.delivery. Writes nothing.
SELECT lower.alert_id
FROM usage.alert a
JOIN usage.alert lower ON lower.budget_id = a.budget_id AND lower.scope_value = a.scope_value
                      AND lower.period_start = a.period_start AND lower.kind = a.kind AND lower.tier <= a.tier
WHERE a.alert_id = :'alert_id' AND a.kind = ANY (:'of_budgets'::text[]) AND lower.alert_id <> a.alert_id
UNION
SELECT beside.alert_id
FROM usage.delivery d
JOIN usage.delivery beside ON beside.message_id = d.message_id AND beside.event = d.event
WHERE d.alert_id = :'alert_id' AND d.event = 'trigger' AND beside.alert_id <> d.alert_id
  AND d.alert_id = (
      SELECT m.alert_id FROM usage.delivery m
      JOIN usage.alert f USING (alert_id)
      WHERE m.message_id = d.message_id
      ORDER BY usage.severity(f.level), f.created_at, f.tier DESC, m.delivery_id
      LIMIT 1)
