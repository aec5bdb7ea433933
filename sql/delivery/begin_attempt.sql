-- Puts an attempt on record before anything is sent. Writes usage.alert_delivery. Safe to run twice.
INSERT INTO usage.alert_delivery (delivery_id, attempt, alert_id, recipient, channel, started_at, outcome, run_id)
VALUES (:'delivery_id', :'attempt'::integer, :'alert_id', :'recipient', :'channel', :'now'::timestamptz, 'sending', :'by')
ON CONFLICT (delivery_id, attempt) DO NOTHING
