-- What a silence covers is not sent; the alert stays on record. An emergency is covered only by a silence that says so,
-- and a message that was formed is left whole. `silences` with `budgets` and `scopes` are the silences that hold now and
-- their globs as LIKE patterns. Reads usage.silence, usage.alert; writes usage.delivery. Safe to run twice.
UPDATE usage.delivery d
SET state = 'silenced', finished_at = :'now'::timestamptz, held_until = NULL, reason = 'silence ' || s.silence_id
FROM usage.delivery p
JOIN usage.alert a ON a.alert_id = p.alert_id
CROSS JOIN LATERAL (
    SELECT q.silence_id
    FROM unnest(:'silences'::bigint[], :'budgets'::text[], :'scopes'::text[]) AS covered (silence_id, budgets, scopes)
    JOIN usage.silence q ON q.silence_id = covered.silence_id
    WHERE (:fits)
      AND (q.emergencies OR usage.severity(a.level) > usage.severity(q.below))
    ORDER BY q.silence_id
    LIMIT 1
) AS s
WHERE p.delivery_id = d.delivery_id AND p.state = 'pending' AND a.kind = ANY (:'of_budgets'::text[]) AND p.event = 'trigger'
  AND d.state = 'pending' AND (d.message_id IS NULL OR d.message_id = d.delivery_id)
