-- What was reached and has not been planned for: alerts of budgets whose tier asked for something when it was reached,
-- values that are locked, and loops whose project was to be paused when they were found. Oldest first.
-- Nothing follows a loop that was found an hour ago: who went round in circles then may have stopped since.
-- Reads usage.alert, usage.budget_lock, usage.budget_status, usage.enforcement_plan. Writes nothing.
SELECT c.cause_key, c.cause, c.alert_id, c.budget_id, c.scope_value, b.scope_name, b.scope, b.period, b.zone,
       c.period_start AS since, b.period_start, b.period_end, c.tier, c.tier_on, c.round, c.level, b.measure, b.spent, b."limit",
       b.forecast, c.recipients, c.over, NULL AS source, NULL AS app_id, c.at
FROM (
    SELECT 'alert:' || a.alert_id AS cause_key, 'tier' AS cause, a.alert_id, a.budget_id, a.scope_value, a.period_start,
           a.tier, a.tier_on, a.round, a.level, coalesce(a.facts -> 'recipients', '[]') AS recipients,
           a.resolved_at IS NOT NULL AS over, a.created_at AS at
    FROM usage.alert a
    WHERE a.kind = 'budget' AND a.facts -> 'actions' <> '[]' AND a.facts ->> 'enforcement_mode' <> 'off'
    UNION ALL
    SELECT 'lock:' || l.lock_name, 'lock',
           told.alert_id, l.budget_id, l.scope_value, l.locked_at, l.tier, 'spent', 0,
           coalesce(told.level, 'emergency'), coalesce(told.facts -> 'recipients', '[]'), false, l.locked_at
    FROM usage.budget_lock l
    LEFT JOIN LATERAL (
        SELECT a.alert_id, a.level, a.facts FROM usage.alert a
        WHERE a.kind = 'budget' AND a.budget_id = l.budget_id AND a.scope_value = l.scope_value AND a.tier = l.tier
          AND a.tier_on = 'spent' AND a.created_at <= l.locked_at + interval '1 minute'
        ORDER BY a.created_at DESC LIMIT 1
    ) AS told ON true
    WHERE l.unlocked_at IS NULL
) AS c
LEFT JOIN LATERAL (
    SELECT s.* FROM usage.budget_status s
    WHERE s.budget_id = c.budget_id AND s.scope_value = c.scope_value
      AND s.period_start <= :'now'::timestamptz AND s.period_end > :'now'::timestamptz
      AND (c.cause = 'lock' OR s.period LIKE 'rolling:%' OR s.period_start = c.period_start)
    ORDER BY s.period_start DESC LIMIT 1
) AS b ON true
WHERE NOT EXISTS (SELECT FROM usage.enforcement_plan p WHERE p.cause_key = c.cause_key)
UNION ALL
SELECT 'alert:' || a.alert_id, 'tier', a.alert_id, a.budget_id, a.scope_value, a.facts ->> 'caller', NULL, NULL, NULL,
       a.period_start, a.period_start, a.period_start + interval '1 day', 0, 'loop', 0, a.level, 'calls',
       (a.facts ->> 'calls')::numeric, coalesce((a.facts ->> 'busiest_day')::numeric, 0), NULL, coalesce(a.facts -> 'recipients', '[]'),
       a.created_at < :'now'::timestamptz - interval '1 hour', a.facts ->> 'source', a.facts ->> 'app_id', a.created_at
FROM usage.alert a
WHERE a.kind = 'loop' AND a.facts ->> 'app_id' IS NOT NULL AND coalesce(a.facts -> 'actions', '[]') <> '[]'
  AND a.facts ->> 'enforcement_mode' <> 'off'
  AND NOT EXISTS (SELECT FROM usage.enforcement_plan p WHERE p.cause_key = 'alert:' || a.alert_id)
ORDER BY at, cause_key
