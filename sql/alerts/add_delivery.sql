-- Puts one delivery of an alert into the outbox. Writes usage.delivery. Safe to run twice.
INSERT INTO usage.delivery (delivery_id, alert_id, recipient, channel, next_attempt_at)
VALUES (usage.delivery_id(:'alert_id', :'recipient', 'alert'), :'alert_id', :'recipient', :'channel',
        coalesce(:'not_before'::timestamptz, now()))
ON CONFLICT DO NOTHING
