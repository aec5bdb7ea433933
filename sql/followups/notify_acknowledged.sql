-- PagerDuty is notified of what was acknowledged here, under the same key. Reads usage.acknowledgement, usage.resolution;
-- writes usage.delivery. Safe to run twice.
INSERT INTO usage.delivery (delivery_id, alert_id, recipient, channel, occasion, event, next_attempt_at)
SELECT DISTINCT usage.delivery_id(d.alert_id, d.recipient, 'acknowledged'),
       d.alert_id, d.recipient, d.channel, 'acknowledged', 'acknowledge', :'now'::timestamptz
FROM usage.acknowledgement k
JOIN usage.delivery d USING (alert_id)
WHERE d.channel = 'pagerduty' AND d.state = 'delivered' AND d.event = 'trigger'
  AND NOT EXISTS (SELECT FROM usage.resolution r WHERE r.alert_id = d.alert_id)
ON CONFLICT DO NOTHING
