-- A delivery of an emergency to whoever stands in for those that it did not reach. Writes usage.delivery. Safe to run twice.
INSERT INTO usage.delivery (delivery_id, alert_id, recipient, channel, occasion, fallback_for, next_attempt_at)
VALUES (usage.delivery_id(:'alert_id', :'recipient', 'fallback'), :'alert_id', :'recipient', :'channel', 'fallback', :'instead_of', :'now'::timestamptz)
ON CONFLICT DO NOTHING
