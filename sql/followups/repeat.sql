-- An emergency that nobody acknowledged and that is not over is told again to whom it was delivered, some hours later.
-- Reads usage.alert along alert_emergency; writes usage.delivery. Safe to run twice.
-- What was done about an alert is told once: the alert itself is what people must see.
INSERT INTO usage.delivery (delivery_id, alert_id, recipient, channel, occasion, next_attempt_at)
SELECT usage.delivery_id(x.alert_id, x.recipient, 'repeat:' || x.told),
       x.alert_id, x.recipient, x.channel, 'repeat:' || x.told, :'now'::timestamptz
FROM (
    SELECT a.alert_id, d.recipient, min(d.channel) AS channel, count(*) AS told, bool_and(d.state = 'delivered') AS got,
           max(d.finished_at) AS last
    FROM usage.alert a
    JOIN usage.delivery d USING (alert_id)
    WHERE a.level = 'emergency' AND a.kind <> 'test'
      AND NOT (a.kind = 'enforcement' AND a.facts ->> 'what' IN ('dry_run', 'applied')) AND d.event = 'trigger'
      AND (d.occasion = 'alert' OR d.occasion LIKE 'repeat:%')
      AND a.created_at > :'now'::timestamptz - interval '40 days'
      AND NOT EXISTS (SELECT FROM usage.acknowledgement k WHERE k.alert_id = a.alert_id)
      AND NOT EXISTS (SELECT FROM usage.resolution r WHERE r.alert_id = a.alert_id)
    GROUP BY a.alert_id, d.recipient
) AS x
WHERE x.got AND x.told <= :'most'::integer AND x.last <= :'now'::timestamptz - :'after'::interval
ON CONFLICT DO NOTHING
