-- An emergency that nobody acknowledged within a time, and that is not over, goes to the next recipient as well.
-- Reads usage.alert along alert_emergency; writes usage.delivery. Safe to run twice.
-- What was done about an alert is told once: the alert itself is what people must see.
INSERT INTO usage.delivery (delivery_id, alert_id, recipient, channel, occasion, next_attempt_at)
SELECT usage.delivery_id(a.alert_id, :'recipient', 'escalation:' || :'step'), a.alert_id, :'recipient', :'channel', 'escalation:' || :'step', :'now'::timestamptz
FROM usage.alert a
WHERE a.level = 'emergency' AND a.kind <> 'test'
  AND NOT (a.kind = 'enforcement' AND a.facts ->> 'what' IN ('dry_run', 'applied'))
  AND a.created_at <= :'now'::timestamptz - :'after'::interval
  AND a.created_at > :'now'::timestamptz - interval '7 days' - :'after'::interval
  AND NOT EXISTS (SELECT FROM usage.acknowledgement k WHERE k.alert_id = a.alert_id)
  AND NOT EXISTS (SELECT FROM usage.resolution r WHERE r.alert_id = a.alert_id)
  AND EXISTS (SELECT FROM usage.delivery d WHERE d.alert_id = a.alert_id AND d.state IN ('pending', 'sending', 'delivered', 'failed'))
  AND NOT EXISTS (SELECT FROM usage.delivery d WHERE d.alert_id = a.alert_id AND d.recipient = :'recipient'
                  AND d.state <> 'failed')
ON CONFLICT DO NOTHING
