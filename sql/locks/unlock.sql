-- Opens locks that have no ground any more, and says why. Reads usage.budget_status, usage.budget_override and
-- :tiers, a JSON list of {"id": budget, "at": per cent that locks}. Writes usage.budget_lock; returns the opened ones.
-- Safe to run twice. A period that has ended opens its lock (a rolling window never
-- ends, but moves on); so does a spending below the locking tier by an override or a higher limit; so does a
-- budget that no longer locks. Corrected figures do not: they may come and go each minute.
UPDATE usage.budget_lock l
SET unlocked_at = :'now'::timestamptz, unlocked_why = ground.why
FROM (
    SELECT h.budget_id, h.scope_value, h.locked_at,
           CASE
               WHEN locking.json IS NULL THEN 'budget removed'
               WHEN h.period_end <= :'now'::timestamptz AND NOT coalesce(b.is_rolling, false) THEN 'period ended'
               WHEN b.spent * 100 >= (locking.json ->> 'at')::numeric * b."limit" THEN NULL
               WHEN raised.override_id IS NOT NULL THEN 'raise ' || raised.override_id
               WHEN b."limit" > h."limit" THEN 'limit raised'
               WHEN b.is_rolling THEN 'window moved on'
           END AS why
    FROM usage.budget_lock h
    LEFT JOIN jsonb_array_elements(:'tiers'::jsonb) AS locking (json) ON locking.json ->> 'id' = h.budget_id
    LEFT JOIN LATERAL (
        SELECT s.spent, s."limit", s.period LIKE 'rolling:%' AS is_rolling FROM usage.budget_status s
        WHERE s.budget_id = h.budget_id AND s.scope_value = h.scope_value
          AND s.period_start <= :'now'::timestamptz AND s.period_end > :'now'::timestamptz
        ORDER BY s.period_start DESC LIMIT 1
    ) AS b ON true
    LEFT JOIN LATERAL (
        SELECT o.override_id FROM usage.budget_override o
        WHERE o.budget_id = h.budget_id AND o.scope_value = h.scope_value AND o.state = 'approved'
          AND o.decided_at <= :'now'::timestamptz AND o.until > :'now'::timestamptz
        ORDER BY o.decided_at DESC LIMIT 1
    ) AS raised ON true
    WHERE h.unlocked_at IS NULL
) AS ground
WHERE l.budget_id = ground.budget_id AND l.scope_value = ground.scope_value AND l.locked_at = ground.locked_at
  AND ground.why IS NOT NULL
RETURNING l.budget_id, l.scope_value, l.scope_name, false AS locked, l.unlocked_why AS why
