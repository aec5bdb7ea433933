-- What is not sent yet and no emergency waits for the end of the quiet hours. Tests and acknowledgements do not wait.
-- Reads usage.alert; writes usage.delivery. Safe to run twice.
UPDATE usage.delivery d
SET next_attempt_at = :'until'::timestamptz, held_until = :'until'::timestamptz,
    reason = 'held until the quiet hours end'
FROM usage.alert a
WHERE a.alert_id = d.alert_id AND d.state = 'pending' AND d.message_id IS NULL AND d.event <> 'acknowledge'
  AND a.kind <> 'test' AND a.level <> 'emergency' AND a.level = ANY (:'levels'::text[])
  AND (cardinality(:'recipients'::text[]) = 0 OR d.recipient = ANY (:'recipients'::text[]))
  AND (d.held_until IS NULL OR d.held_until <> :'until'::timestamptz) AND d.next_attempt_at < :'until'::timestamptz
