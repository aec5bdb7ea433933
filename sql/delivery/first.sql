-- The delivery that is due and comes first: emergencies, then by level and age. A lease that ran out is due again.
-- Reads usage.delivery along delivery_due, usage.alert. Locks the row; rows that another worker holds are passed over.
-- `blocked` names recipients whose rate is used up, with an exclamation mark where that holds for emergencies.
SELECT d.delivery_id, d.message_id, d.recipient, d.channel, d.event, a.kind, a.level = 'emergency' AS urgent,
       d.held_until IS NOT NULL AS held
FROM usage.delivery d
JOIN usage.alert a USING (alert_id)
WHERE ((d.state = 'pending' AND d.next_attempt_at <= :'now'::timestamptz)
    OR (d.state = 'sending' AND d.leased_until < :'now'::timestamptz))
  AND coalesce(d.message_id, d.delivery_id) <> ALL (:'skip'::text[])
  AND d.recipient || CASE WHEN a.level = 'emergency' THEN '!' ELSE '' END <> ALL (:'blocked'::text[])
ORDER BY usage.severity(a.level), a.created_at, d.delivery_id
LIMIT 1
FOR UPDATE OF d SKIP LOCKED
