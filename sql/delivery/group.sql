-- What else is due for the same recipient and may stand in the same message, the first included; most severe first.
-- Emergencies never share a message with others. Reads usage.delivery, usage.alert; locks the rows.
SELECT d.delivery_id
FROM usage.delivery d
JOIN usage.alert a USING (alert_id)
WHERE d.state = 'pending' AND d.message_id IS NULL AND d.attempts = 0 AND d.next_attempt_at <= :'now'::timestamptz
  AND d.recipient = :'recipient' AND d.channel = :'channel' AND d.event = :'event'
  AND (a.level = 'emergency') = :'urgent'::boolean AND a.kind <> ALL (:'alone'::text[])
ORDER BY d.delivery_id = :'first' DESC, usage.severity(a.level), a.created_at, d.delivery_id
LIMIT :'limit'::integer
FOR UPDATE OF d SKIP LOCKED
