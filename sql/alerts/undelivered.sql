-- How many deliveries have failed and nobody has acknowledged their alert, and how many wait for more than five minutes
-- although no quiet hours hold them; kinds that nobody waits for are left out. Reads usage.delivery, usage.alert, usage.acknowledgement. Writes nothing.
SELECT count(*) FILTER (WHERE d.state = 'failed' AND NOT EXISTS (
           SELECT FROM usage.acknowledgement k WHERE k.alert_id = a.alert_id)) AS failed,
       count(*) FILTER (WHERE d.state IN ('pending', 'sending')
           AND greatest(d.created_at, d.held_until) < now() - interval '5 minutes') AS waiting
FROM usage.delivery d
JOIN usage.alert a USING (alert_id)
WHERE a.kind <> ALL (:'not_awaited'::text[])
