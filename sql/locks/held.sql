-- Locks, those that are closed first, then the newest. Reads usage.budget_lock. Writes nothing.
SELECT l.budget_id, l.scope_value, l.scope_name, l.scope, l.tier, l.locked_at, l.period_end, l.unlocked_at,
       l.unlocked_why
FROM usage.budget_lock l
WHERE (:'budget_id'::text IS NULL OR l.budget_id = :'budget_id'::text)
  AND (l.unlocked_at IS NULL OR NOT :'held_only'::boolean)
ORDER BY l.unlocked_at IS NOT NULL, l.locked_at DESC
LIMIT 1000
