-- Values of budgets that were locked or unlocked from :begins until :ends, oldest first, as they stood at :ends.
-- Reads report_lock (scope.sql). Writes nothing.
SELECT l.budget_id, l.scope_value, l.scope_name, l.locked_at,
       CASE WHEN l.unlocked_at < :'ends'::timestamptz THEN l.unlocked_at END AS unlocked_at,
       CASE WHEN l.unlocked_at < :'ends'::timestamptz THEN l.unlocked_why END AS unlocked_why
FROM report_lock l
WHERE l.locked_at >= :'begins'::timestamptz AND l.locked_at < :'ends'::timestamptz
   OR l.unlocked_at >= :'begins'::timestamptz AND l.unlocked_at < :'ends'::timestamptz
ORDER BY l.locked_at, l.budget_id, l.scope_value
