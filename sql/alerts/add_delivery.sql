-- Puts one delivery of an alert into the outbox, due at once: since `at`, when the alert became true, where that is past.
-- Writes usage.delivery. Safe to run twice.
INSERT INTO usage.delivery (delivery_id, alert_id, recipient, channel, next_attempt_at)
VALUES (usage.delivery_id(:'alert_id', :'recipient', 'alert'), :'alert_id', :'recipient', :'channel',
        least(:'at'::timestamptz, now()))
ON CONFLICT DO NOTHING
