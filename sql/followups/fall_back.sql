-- A delivery of an emergency to whoever stands in for those that it did not reach. Writes usage.delivery. Safe to run twice.
INSERT INTO usage.delivery (delivery_id, alert_id, recipient, channel, occasion, fallback_for, next_attempt_at)
VALUES (:'alert_id' || '-' || left(encode(sha256(convert_to(:'recipient' || '|fallback', 'UTF8')), 'hex'), 10),
        :'alert_id', :'recipient', :'channel', 'fallback', :'instead_of', :'now'::timestamptz)
ON CONFLICT DO NOTHING
