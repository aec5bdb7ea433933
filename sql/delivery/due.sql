-- How many deliveries could be sent now. Reads usage.delivery along delivery_due. Writes nothing.
SELECT count(*)
FROM usage.delivery d
WHERE (d.state = 'pending' AND d.next_attempt_at <= :'now'::timestamptz)
   OR (d.state = 'sending' AND d.leased_until < :'now'::timestamptz)
