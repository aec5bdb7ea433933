-- Locks the values of budgets whose locking tier is reached in the current period and that are not locked yet.
-- Reads usage.budget_status and :tiers, a JSON list of {"id": budget, "at": per cent that locks}. Writes
-- usage.budget_lock; returns the new ones. Safe to run twice and at once: a value has one lock.
INSERT INTO usage.budget_lock (
    budget_id, scope_value, locked_at, scope_name, scope, period_start, period_end, tier, "limit"
)
SELECT b.budget_id, b.scope_value, :'now'::timestamptz, b.scope_name, b.scope, b.period_start, b.period_end,
       (locking.json ->> 'at')::numeric, b."limit"
FROM usage.budget_status b
JOIN jsonb_array_elements(:'tiers'::jsonb) AS locking (json) ON locking.json ->> 'id' = b.budget_id
WHERE b.period_start <= :'now'::timestamptz AND b.period_end > :'now'::timestamptz
  AND b.spent * 100 >= (locking.json ->> 'at')::numeric * b."limit"
ON CONFLICT DO NOTHING
RETURNING budget_id, scope_value, scope_name, true AS locked, 'limit reached' AS why
