-- What the outbox holds that is due now, with its attempts: the key of one delivery run. Reads usage.delivery along
-- delivery_due. Writes nothing.
SELECT d.delivery_id || '#' || d.attempts
FROM usage.delivery d
WHERE (d.state = 'pending' AND d.next_attempt_at <= :'now'::timestamptz)
   OR (d.state = 'sending' AND d.leased_until < :'now'::timestamptz)
ORDER BY 1
LIMIT 1000
