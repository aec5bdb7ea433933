-- Whether a run of enforcement has something to do at :now, as a key that changes with what there is.
-- Reads usage.enforcement_plan, usage.alert, usage.budget_lock, usage.enforcement_action. Writes nothing.
SELECT x.key
FROM (
    SELECT 'alert:' || a.alert_id AS key FROM usage.alert a
    WHERE a.kind IN ('budget', 'loop') AND a.facts -> 'actions' <> '[]' AND a.facts ->> 'enforcement_mode' <> 'off'
      AND NOT EXISTS (SELECT FROM usage.enforcement_plan p WHERE p.cause_key = 'alert:' || a.alert_id)
    UNION ALL
    SELECT 'lock:' || l.lock_name
    FROM usage.budget_lock l WHERE l.unlocked_at IS NULL
    EXCEPT SELECT p.cause_key FROM usage.enforcement_plan p
    UNION ALL
    SELECT concat_ws(':', a.action_id, a.state, a.attempts, a.looked_at)
    FROM usage.enforcement_action a
    WHERE a.released_at IS NULL
      AND (a.state IN ('approved', 'applied') AND a.next_attempt_at <= :'now'::timestamptz
           OR a.release_at IS NOT NULL AND a.held IS NOT NULL AND a.next_attempt_at <= :'now'::timestamptz
           OR a.state = 'planned' AND a.approve_until <= :'now'::timestamptz
           OR a.state = 'verified' AND a.looked_at <= :'look_before'::timestamptz
              AND a.next_attempt_at <= :'now'::timestamptz
           OR a.release_at IS NULL AND NOT a.rolling AND a.period_end <= :'now'::timestamptz
              AND a.state IN ('planned', 'applied', 'verified', 'failed')
           OR a.release_at IS NULL AND a.cause = 'lock' AND NOT EXISTS (
              SELECT FROM usage.budget_lock l
              WHERE l.budget_id = a.budget_id AND l.scope_value = a.scope_value AND l.unlocked_at IS NULL)
              AND a.state IN ('planned', 'applied', 'verified', 'failed')
           OR a.release_at IS NULL AND a.state = 'verified' AND EXISTS (
              SELECT FROM usage.budget_status s
              WHERE s.budget_id = a.budget_id AND s.scope_value = a.scope_value AND s.period_end > :'now'::timestamptz
                AND (s.measures -> a.measure ->> 'limit')::numeric > a."limit" AND s.as_of > a.looked_at))
) AS x
ORDER BY x.key
