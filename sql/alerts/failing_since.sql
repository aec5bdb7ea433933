-- When the first delivery to a recipient by a channel failed for good of all that did since one was accepted; those
-- whose failure is no news (:not_alerted) aside.
-- Reads usage.delivery and usage.alert. Writes nothing.
SELECT min(d.finished_at)
FROM usage.delivery d
JOIN usage.alert a USING (alert_id)
WHERE a.kind <> ALL (:'not_alerted'::text[])
  AND d.recipient = :'recipient' AND d.channel = :'channel' AND d.state = 'failed'
  AND d.finished_at >= coalesce((SELECT max(x.finished_at) FROM usage.delivery x
                                 WHERE x.recipient = :'recipient' AND x.channel = :'channel' AND x.state = 'delivered'),
                                '-infinity'::timestamptz)
