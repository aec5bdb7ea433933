-- What the outbox holds that is due now, with its attempts and since when: the key of one delivery run; and how many
-- workers are at it. Reads usage.delivery along delivery_due. Writes nothing.
SELECT d.delivery_id || '#' || d.attempts || '#' || extract(epoch FROM coalesce(d.leased_until, d.next_attempt_at))
           AS key,
       (SELECT count(DISTINCT w.leased_by) FROM usage.delivery w
        WHERE w.state = 'sending' AND w.leased_until >= :'now'::timestamptz) AS workers
FROM usage.delivery d
WHERE (d.state = 'pending' AND d.next_attempt_at <= :'now'::timestamptz)
   OR (d.state = 'sending' AND d.leased_until < :'now'::timestamptz)
ORDER BY 1
LIMIT 1000
