-- What is not sent yet and no emergency waits for the end of the quiet hours. Tests and acknowledgements do not wait.
-- `rules` is a list of what waits until when: by levels and recipients (none: everybody), or by the tier of a budget and
-- the zone of its period; the last end counts. `alerts` (null: all) are the ids that are looked at; `at_once` the kinds that
-- never wait.
-- Reads usage.alert; writes usage.delivery. Safe to run twice.
UPDATE usage.delivery d
SET next_attempt_at = h.until, held_until = h.until, reason = 'held until the quiet hours end'
FROM (
    SELECT p.delivery_id, max(q.until) AS until
    FROM usage.delivery p
    JOIN usage.alert a USING (alert_id)
    JOIN jsonb_to_recordset(:'rules'::jsonb) AS q (
        until timestamptz, levels text[], recipients text[], budget_id text, tier numeric, tier_on text, timezone text)
      ON a.level = ANY (q.levels) AND (cardinality(q.recipients) = 0 OR p.recipient = ANY (q.recipients))
     AND (q.budget_id IS NULL
          OR (a.kind = ANY (:'of_budgets'::text[]) AND a.budget_id = q.budget_id AND a.tier = q.tier AND a.tier_on = q.tier_on
              AND coalesce(a.facts ->> 'timezone', '') = q.timezone))
    WHERE p.state = 'pending' AND p.message_id IS NULL AND p.event <> 'acknowledge'
      AND a.kind <> ALL (:'at_once'::text[]) AND a.level <> 'emergency'
      AND (:'alerts'::text[] IS NULL OR a.alert_id = ANY (:'alerts'::text[]))
    GROUP BY p.delivery_id
) AS h
WHERE d.delivery_id = h.delivery_id AND d.state = 'pending'
  AND (d.held_until IS NULL OR d.held_until <> h.until) AND d.next_attempt_at < h.until
