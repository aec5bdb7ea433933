-- Runs of the day that do not fit: their own total, a leaf, a residual, or that they are on one side only.
-- Reads own_run, stage_event (the source's leaves), own_unit, our_event, our_run, usage.tenant.
-- Writes nothing.
WITH known AS (
    SELECT e.* FROM own_run r JOIN our_event e ON e.run_id = r.id
    WHERE e.event_id LIKE 'node:%' OR e.event_id LIKE 'residual:%'
), residual AS (
    SELECT r.id, r.residual_tokens AS due,
           coalesce(sum(k.total_tokens) FILTER (WHERE k.event_id LIKE 'residual:%'), 0) AS booked,
           coalesce(bool_or(k.gone_at_source IS NOT NULL) FILTER (WHERE k.event_id LIKE 'residual:%'), false) AS gone
    FROM own_run r
    LEFT JOIN known k ON k.run_id = r.id
    GROUP BY r.id, r.residual_tokens
), ledger AS (
    SELECT l.run_id FROM our_run l
    LEFT JOIN usage.tenant t ON t.source = :'source' AND t.tenant_id = l.tenant_id
    WHERE l.created_at >= :'since'::timestamptz AND l.created_at < :'until'::timestamptz
      AND (l.created_at AT TIME ZONE coalesce(t.timezone, :'zone'))::date = :'day'::date
)
SELECT r.id FROM own_run r
LEFT JOIN our_run l ON l.run_id = r.id
WHERE l.run_id IS NULL OR (l.total_tokens, l.status) <> (r.total_tokens, r.status)
UNION
SELECT s.run_id FROM own_run r
JOIN stage_event s ON s.run_id = r.id
LEFT JOIN our_event e ON e.event_id = s.event_id
WHERE e.event_id IS NULL OR e.gone_at_source IS NOT NULL
   OR (e.run_id, coalesce(e.logged_app_id, e.app_id), e.input_tokens, e.output_tokens, e.total_tokens, e.logged_cost,
       e.occurred_at)
      IS DISTINCT FROM
      (s.run_id, coalesce(s.logged_app_id, s.app_id), s.input_tokens, s.output_tokens, s.total_tokens, s.logged_cost,
       s.occurred_at)
UNION
SELECT k.run_id FROM known k
WHERE k.event_id LIKE 'node:%' AND k.gone_at_source IS NULL
  AND NOT EXISTS (SELECT FROM stage_event s WHERE s.event_id = k.event_id)
UNION
SELECT id FROM residual
WHERE booked <> due OR gone
UNION
SELECT l.run_id FROM ledger l
WHERE NOT EXISTS (SELECT FROM own_run r WHERE r.id = l.run_id)
  AND EXISTS (SELECT FROM our_event e
              WHERE e.run_id = l.run_id AND e.gone_at_source IS NULL)
UNION
SELECT e.run_id FROM our_event e
WHERE e.usage_date = :'day'::date AND e.run_id IS NOT NULL AND e.gone_at_source IS NULL
  AND e.occurred_at < :'until'::timestamptz
  AND NOT EXISTS (SELECT FROM our_run l WHERE l.run_id = e.run_id)
  AND NOT EXISTS (SELECT FROM own_unit u WHERE u.event_id = e.event_id)
