-- A tier that is not sent yet gives way to a higher one of the same budget, value and period that goes to the same
-- recipient and was raised with it or later. A message that was formed is left whole.
-- Reads usage.alert; writes usage.delivery. Safe to run twice.
UPDATE usage.delivery d
SET state = 'inhibited', finished_at = :'now'::timestamptz, held_until = NULL, reason = 'inhibited by ' || h.alert_id
FROM usage.delivery p
JOIN usage.alert a ON a.alert_id = p.alert_id
CROSS JOIN LATERAL (
    SELECT b.alert_id
    FROM usage.alert b
    JOIN usage.delivery e ON e.alert_id = b.alert_id
    WHERE b.kind = a.kind AND b.budget_id = a.budget_id AND b.scope_value = a.scope_value
      AND b.period_start = a.period_start AND b.tier > a.tier AND b.created_at >= a.created_at
      AND usage.severity(b.level) <= usage.severity(a.level)
      AND e.recipient = p.recipient AND e.occasion = 'alert' AND e.state IN ('pending', 'sending', 'delivered')
    ORDER BY b.tier DESC
    LIMIT 1
) AS h
WHERE p.delivery_id = d.delivery_id AND p.state = 'pending' AND a.kind = ANY (:'of_budgets'::text[])
  AND d.state = 'pending' AND d.occasion = 'alert'
  AND (d.message_id IS NULL OR d.message_id = d.delivery_id)
