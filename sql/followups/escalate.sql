-- An emergency that nobody acknowledged within a time, and that is not over, goes to the next recipient as well.
-- Reads usage.alert along alert_emergency; writes usage.delivery. Safe to run twice.
-- `only_notes` is what calls nobody again, by kind and facts: a test, or what was done about an alert.
INSERT INTO usage.delivery (delivery_id, alert_id, recipient, channel, occasion, next_attempt_at)
SELECT usage.delivery_id(a.alert_id, :'recipient', 'escalation:' || :'step'), a.alert_id, :'recipient', :'channel',
       'escalation:' || :'step', :'now'::timestamptz
FROM usage.alert a
WHERE a.level = 'emergency'
  AND NOT EXISTS (SELECT FROM jsonb_to_recordset(:'only_notes'::jsonb) AS n (kind text, facts jsonb)
                  WHERE n.kind = a.kind AND a.facts @> n.facts)
  AND a.created_at <= :'now'::timestamptz - :'after'::interval
  AND a.created_at > :'now'::timestamptz - interval '7 days' - :'after'::interval
  AND NOT EXISTS (SELECT FROM usage.acknowledgement k WHERE k.alert_id = a.alert_id)
  AND NOT EXISTS (SELECT FROM usage.resolution r WHERE r.alert_id = a.alert_id)
  AND EXISTS (SELECT FROM usage.delivery d WHERE d.alert_id = a.alert_id AND d.state IN ('pending', 'sending', 'delivered', 'failed'))
  AND NOT EXISTS (SELECT FROM usage.delivery d WHERE d.alert_id = a.alert_id AND d.recipient = :'recipient'
                  AND d.state <> 'failed')
ON CONFLICT DO NOTHING
