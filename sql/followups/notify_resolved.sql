-- Who was notified of an alert is notified that it is over: PagerDuty of each, everyone else of the highest tier from a level on.
-- Nobody is notified of one that was raised when its period was over already.
-- Reads usage.resolution, usage.alert; writes usage.delivery. Safe to run twice.
INSERT INTO usage.delivery (delivery_id, alert_id, recipient, channel, occasion, event, next_attempt_at)
SELECT usage.delivery_id(x.alert_id, x.recipient, 'resolved'),
       x.alert_id, x.recipient, x.channel, 'resolved', 'resolve', :'now'::timestamptz
FROM (
    SELECT DISTINCT ON (a.alert_id, d.recipient) a.alert_id, d.recipient, d.channel,
           max(a.tier) OVER (PARTITION BY a.budget_id, a.scope_value, a.period_start, d.recipient) = a.tier AS highest,
           usage.severity(a.level) <= usage.severity(:'level') AS severe
    FROM usage.resolution r
    JOIN usage.alert a USING (alert_id)
    JOIN usage.delivery d USING (alert_id)
    WHERE r.at > :'now'::timestamptz - interval '7 days' AND d.state = 'delivered' AND d.event = 'trigger'
      AND (a.period_end IS NULL OR a.created_at < a.period_end OR r.why <> 'period_over')
) AS x
WHERE (x.channel = 'pagerduty' OR (x.highest AND x.severe))
ON CONFLICT DO NOTHING
