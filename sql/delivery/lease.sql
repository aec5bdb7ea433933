-- Leases the deliveries of one message to one worker and puts their attempts on record before anything is sent. The
-- attempt of a lease that ran out, whose outcome nobody knows, is marked so.
-- Reads usage.alert; writes usage.delivery and usage.alert_delivery. Runs once a claim, in its transaction.
WITH lost AS (
    UPDATE usage.alert_delivery t
    SET outcome = 'unknown', finished_at = :'now'::timestamptz,
        answer = 'the worker ended before it could record an answer'
    FROM usage.delivery d
    WHERE d.delivery_id = ANY (:'members'::text[]) AND d.state = 'sending'
      AND t.delivery_id = d.delivery_id AND t.attempt = d.attempts AND t.outcome = 'sending'
), leased AS (
    UPDATE usage.delivery d
    SET state = 'sending', attempts = d.attempts + 1, leased_until = :'until'::timestamptz, leased_by = :'by',
        message_id = :'message_id'
    WHERE d.delivery_id = ANY (:'members'::text[])
    RETURNING d.delivery_id, d.attempts, d.alert_id, d.recipient, d.channel, d.event
), begun AS (
    INSERT INTO usage.alert_delivery (delivery_id, attempt, alert_id, recipient, channel, started_at, outcome, run_id,
                                      message_id)
    SELECT delivery_id, attempts, alert_id, recipient, channel, :'now'::timestamptz, 'sending', :'by', :'message_id'
    FROM leased
    ON CONFLICT (delivery_id, attempt) DO NOTHING
)
SELECT l.delivery_id, l.attempts AS attempt, l.alert_id, l.recipient, l.channel, a.kind, a.level,
       CASE jsonb_typeof(a.facts) WHEN 'object' THEN a.facts ELSE '{}' END AS facts, l.event
FROM leased l
JOIN usage.alert a USING (alert_id)
ORDER BY usage.severity(a.level), a.created_at, a.tier DESC, l.delivery_id
