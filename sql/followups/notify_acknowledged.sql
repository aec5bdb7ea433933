-- PagerDuty is notified of what was acknowledged here, under the same key, and groups (:groups: names of channels) of who
-- took it: of what was acknowledged at once, the gravest. Reads usage.acknowledgement, usage.resolution, usage.alert; writes
-- usage.delivery. Safe to run twice.
INSERT INTO usage.delivery (delivery_id, alert_id, recipient, channel, occasion, event, next_attempt_at)
SELECT DISTINCT usage.delivery_id(x.alert_id, x.recipient, 'acknowledged'),
       x.alert_id, x.recipient, x.channel, 'acknowledged', 'acknowledge', :'now'::timestamptz
FROM (
    SELECT d.alert_id, d.recipient, d.channel,
           row_number() OVER (PARTITION BY k.at, k.by_whom, d.recipient
                              ORDER BY usage.severity(a.level), a.tier DESC, a.created_at, d.delivery_id) AS place
    FROM usage.acknowledgement k
    JOIN usage.alert a USING (alert_id)
    JOIN usage.delivery d USING (alert_id)
    WHERE d.state = 'delivered' AND d.event = 'trigger'
      AND (d.channel = 'pagerduty' OR d.channel = ANY (:'groups'::text[]))
      AND k.at > :'now'::timestamptz - interval '7 days'
      AND NOT EXISTS (SELECT FROM usage.resolution r WHERE r.alert_id = d.alert_id)
) AS x
WHERE x.channel = 'pagerduty' OR x.place = 1
ON CONFLICT DO NOTHING
