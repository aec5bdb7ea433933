-- What a silence covers is not sent; the alert stays on record. An emergency is covered only by a silence that says so,
-- and a message that was formed is left whole. Reads usage.silence, usage.alert; writes usage.delivery. Safe to run twice.
UPDATE usage.delivery d
SET state = 'silenced', finished_at = :'now'::timestamptz, held_until = NULL, reason = 'silence ' || s.silence_id
FROM usage.delivery p
JOIN usage.alert a ON a.alert_id = p.alert_id
CROSS JOIN LATERAL (
    SELECT q.silence_id
    FROM usage.silence q
    WHERE q.starts_at <= :'now'::timestamptz AND q.ends_at > :'now'::timestamptz AND a.budget_id LIKE usage.as_like(q.budget)
      AND (q.scope IS NULL OR a.facts ->> 'scope_name' LIKE usage.as_like(q.scope)
           OR a.scope_value LIKE usage.as_like(q.scope))
      AND (q.emergencies
           OR array_position(ARRAY['emergency', 'critical', 'warning', 'info'], a.level)
              > array_position(ARRAY['emergency', 'critical', 'warning', 'info'], q.below))
    ORDER BY q.silence_id
    LIMIT 1
) AS s
WHERE p.delivery_id = d.delivery_id AND p.state = 'pending' AND a.kind = 'budget' AND p.event = 'trigger'
  AND d.state = 'pending' AND (d.message_id IS NULL OR d.message_id = d.delivery_id)
