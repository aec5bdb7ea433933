-- Recipients whose channel has refused everything for an hour and is still tried: how often, the last answer,
-- and when it last took something. Reads usage.alert_delivery. Writes nothing.
SELECT t.recipient, t.channel, count(*) AS attempts, (array_agg(t.answer ORDER BY t.started_at DESC))[1] AS answer,
       o.last AS last_accepted
FROM usage.alert_delivery t
LEFT JOIN LATERAL (
    SELECT max(a.started_at) AS last FROM usage.alert_delivery a
    WHERE a.recipient = t.recipient AND a.channel = t.channel AND a.outcome = 'accepted'
) AS o ON true
WHERE t.outcome IN ('retry', 'permanent', 'unknown') AND t.started_at > :'now'::timestamptz - interval '1 day'
  AND t.started_at > coalesce(o.last, '-infinity'::timestamptz)
GROUP BY t.recipient, t.channel, o.last
HAVING min(t.started_at) <= :'now'::timestamptz - interval '1 hour'
   AND max(t.started_at) > :'now'::timestamptz - interval '2 hours'
ORDER BY t.recipient
