-- Emergencies that reached nobody, within a time or because every way failed, and that have no fallback delivery yet; also
-- when they are over: somebody must hear of them.
-- What was done about an alert calls nobody: the alert itself does.
-- Reads usage.alert along alert_emergency, usage.delivery. Writes nothing.
SELECT a.alert_id, a.facts -> 'fallback', array_agg(d.recipient), min(d.delivery_id)
FROM usage.alert a
JOIN usage.delivery d USING (alert_id)
WHERE a.level = 'emergency' AND a.kind <> 'test' AND d.event = 'trigger' AND d.state NOT IN ('silenced', 'inhibited')
  AND NOT (a.kind = 'enforcement' AND a.facts ->> 'what' IN ('dry_run', 'applied'))
  AND a.created_at > :'now'::timestamptz - interval '7 days'
  AND NOT EXISTS (SELECT FROM usage.acknowledgement k WHERE k.alert_id = a.alert_id)
GROUP BY a.alert_id
HAVING bool_and(d.state <> 'delivered' AND d.occasion <> 'fallback')
   AND (bool_and(d.state = 'failed')
        -- What is due and was never tried is tried now: after a stop of ours not every emergency is a call by night.
        OR (a.created_at <= :'now'::timestamptz - :'after'::interval
            AND NOT bool_and(d.attempts = 0 AND d.next_attempt_at <= :'now'::timestamptz)))
