-- An emergency that nobody acknowledged and that is not over is sent again to whom it was delivered, some hours later.
-- Reads usage.alert along alert_emergency; writes usage.delivery. Safe to run twice.
-- `only_notes` is what calls nobody again, by kind and facts: a test, or what was done about an alert.
INSERT INTO usage.delivery (delivery_id, alert_id, recipient, channel, occasion, next_attempt_at)
SELECT usage.delivery_id(x.alert_id, x.recipient, 'repeat:' || x.times),
       x.alert_id, x.recipient, x.channel, 'repeat:' || x.times, :'now'::timestamptz
FROM (
    SELECT a.alert_id, d.recipient, min(d.channel) AS channel, count(*) AS times, bool_and(d.state = 'delivered') AS got,
           max(d.finished_at) AS last
    FROM usage.alert a
    JOIN usage.delivery d USING (alert_id)
    WHERE a.level = 'emergency'
      AND NOT EXISTS (SELECT FROM jsonb_to_recordset(:'only_notes'::jsonb) AS n (kind text, facts jsonb)
                      WHERE n.kind = a.kind AND a.facts @> n.facts)
      AND d.event = 'trigger'
      AND (d.occasion = 'alert' OR d.occasion LIKE 'repeat:%')
      AND a.created_at > :'now'::timestamptz - interval '40 days'
      AND NOT EXISTS (SELECT FROM usage.acknowledgement k WHERE k.alert_id = a.alert_id)
      AND NOT EXISTS (SELECT FROM usage.resolution r WHERE r.alert_id = a.alert_id)
    GROUP BY a.alert_id, d.recipient
) AS x
WHERE x.got AND x.times <= :'limit'::integer AND x.last <= :'now'::timestamptz - :'after'::interval
ON CONFLICT DO NOTHING
