-- Leases due deliveries to one worker, emergencies first; a lease that ran out is taken over and its attempt, whose
-- outcome nobody knows, is marked so. Reads and writes usage.delivery and usage.alert_delivery.
-- Safe to run twice and at once: rows that another worker holds are skipped.
WITH picked AS (
    SELECT d.delivery_id, d.state, d.attempts
    FROM usage.delivery d
    JOIN usage.alert a USING (alert_id)
    WHERE ((d.state = 'pending' AND d.next_attempt_at <= :'now'::timestamptz)
        OR (d.state = 'sending' AND d.leased_until < :'now'::timestamptz))
      AND d.delivery_id <> ALL (:'skip'::text[])
    ORDER BY array_position(ARRAY['emergency', 'critical', 'warning', 'info'], a.level), a.created_at, d.delivery_id
    LIMIT :'limit'::integer
    FOR UPDATE OF d SKIP LOCKED
), lost AS (
    UPDATE usage.alert_delivery t
    SET outcome = 'unknown', finished_at = :'now'::timestamptz,
        answer = 'the worker ended before it could record an answer'
    FROM picked p
    WHERE p.state = 'sending' AND t.delivery_id = p.delivery_id AND t.attempt = p.attempts AND t.outcome = 'sending'
), leased AS (
    UPDATE usage.delivery d
    SET state = 'sending', attempts = d.attempts + 1, leased_until = :'until'::timestamptz, leased_by = :'by'
    FROM picked p
    WHERE d.delivery_id = p.delivery_id
    RETURNING d.delivery_id, d.attempts, d.alert_id, d.recipient, d.channel
)
SELECT l.delivery_id, l.attempts, l.alert_id, l.recipient, l.channel, a.kind, a.level, a.facts
FROM leased l
JOIN usage.alert a USING (alert_id)
ORDER BY array_position(ARRAY['emergency', 'critical', 'warning', 'info'], a.level), a.created_at, a.tier, l.delivery_id
