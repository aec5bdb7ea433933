-- Emergencies that reached nobody, within a time or because every way failed, and that have no fallback delivery yet; also
-- when they are over: somebody must hear of them.
-- `only_notes` is what calls nobody again, by kind and facts: a test, or what was done about an alert.
-- Reads usage.alert along alert_emergency, usage.delivery. Writes nothing.
SELECT a.alert_id, a.facts -> 'fallback' AS fallback, array_agg(d.recipient) AS tried, min(d.delivery_id) AS instead_of
FROM usage.alert a
JOIN usage.delivery d USING (alert_id)
WHERE a.level = 'emergency' AND d.event = 'trigger' AND d.state NOT IN ('silenced', 'inhibited')
  AND NOT EXISTS (SELECT FROM jsonb_to_recordset(:'only_notes'::jsonb) AS n (kind text, facts jsonb)
                  WHERE n.kind = a.kind AND a.facts @> n.facts)
  AND a.created_at > :'now'::timestamptz - interval '7 days'
  AND NOT EXISTS (SELECT FROM usage.acknowledgement k WHERE k.alert_id = a.alert_id)
GROUP BY a.alert_id
HAVING bool_and(d.state <> 'delivered' AND d.occasion <> 'fallback')
   AND (bool_and(d.state = 'failed')
        -- What is due and was never tried is tried now: after a stop of ours not every emergency is a call by night.
        OR (a.created_at <= :'now'::timestamptz - :'after'::interval
            AND NOT bool_and(d.attempts = 0 AND d.next_attempt_at <= :'now'::timestamptz)))
