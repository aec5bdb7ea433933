-- Since when one value of a budget was locked at :at; no row when it was not. Reads usage.budget_lock. Writes nothing.
SELECT l.locked_at
FROM usage.budget_lock l
WHERE l.budget_id = :'budget_id' AND l.scope_value = :'scope_value' AND l.locked_at <= :'at'::timestamptz
  AND (l.unlocked_at IS NULL OR l.unlocked_at > :'at'::timestamptz)
ORDER BY l.locked_at DESC
LIMIT 1
