-- What is due for a recipient whose robot takes nothing now waits until it does. Rows that another worker holds are passed
-- over. Reads usage.alert, writes usage.delivery. Safe to run twice and at once.
UPDATE usage.delivery d
SET next_attempt_at = :'until'::timestamptz
WHERE d.delivery_id IN (
    SELECT w.delivery_id
    FROM usage.delivery w
    JOIN usage.alert a USING (alert_id)
    WHERE w.state = 'pending' AND w.recipient = :'recipient' AND w.next_attempt_at <= :'now'::timestamptz
      AND (a.level = 'emergency') = :'urgent'::boolean
    FOR UPDATE OF w SKIP LOCKED)
