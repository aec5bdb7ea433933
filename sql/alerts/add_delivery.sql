-- Puts one delivery of an alert into the outbox. Writes usage.delivery. Safe to run twice.
INSERT INTO usage.delivery (delivery_id, alert_id, recipient, channel)
VALUES (:'delivery_id', :'alert_id', :'recipient', :'channel')
ON CONFLICT DO NOTHING
