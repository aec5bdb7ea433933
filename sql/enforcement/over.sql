-- Actions whose ground is gone, with why. Reads usage.enforcement_action, usage.budget_status, usage.budget_tier,
-- usage.budget_lock, usage.budget_override and :tiers, a JSON list of {"id": budget, "at": per cent, "on": spent or
-- forecast, "actions": [...]} of the configuration in force. Writes nothing.
-- A period that has ended, an override or a higher limit that brings the value below its tier again, a window that has
-- moved on, a budget or tier that is there no more. Who went round in circles may do so again: a loop's pause stands. Corrected figures are no ground: they may come and go each minute.
SELECT a.action_id, ground.why
FROM usage.enforcement_action a
LEFT JOIN LATERAL (
    SELECT s.spent, s.forecast, s."limit", s.measures FROM usage.budget_status s
    WHERE s.budget_id = a.budget_id AND s.scope_value = a.scope_value
      AND s.period_start <= :'now'::timestamptz AND s.period_end > :'now'::timestamptz
    ORDER BY s.period_start DESC LIMIT 1
) AS b ON true
LEFT JOIN LATERAL (
    SELECT o.override_id FROM usage.budget_override o
    WHERE o.budget_id = a.budget_id AND o.scope_value = a.scope_value AND o.state = 'approved'
      AND o.decided_at <= :'now'::timestamptz AND o.until > :'now'::timestamptz
    ORDER BY o.decided_at DESC LIMIT 1
) AS raised ON true
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN a.cause = 'lock' THEN (
            SELECT l.unlocked_why FROM usage.budget_lock l
            WHERE l.budget_id = a.budget_id AND l.scope_value = a.scope_value AND l.locked_at = a.period_start
              AND l.unlocked_at IS NOT NULL)
        WHEN NOT EXISTS (
            SELECT FROM jsonb_array_elements(:'tiers'::jsonb) AS tier (json)
            WHERE tier.json ->> 'id' = a.budget_id AND (tier.json ->> 'at')::numeric = a.tier
              AND tier.json ->> 'on' = a.tier_on AND tier.json -> 'actions' ? a.action)
            THEN CASE a.tier_on WHEN 'loop' THEN 'loops are no longer paused' ELSE 'no longer in the budget' END
        WHEN a.tier_on = 'loop' THEN NULL
        WHEN a.rolling THEN CASE WHEN NOT EXISTS (
            SELECT FROM usage.budget_tier k
            WHERE k.budget_id = a.budget_id AND k.scope_value = a.scope_value AND k.tier_on = a.tier_on
              AND k.tier_at = a.tier AND k.reached_at IS NOT NULL AND k.resolved_at IS NULL) THEN 'window moved on' END
        WHEN a.period_end <= :'now'::timestamptz THEN 'period ended'
        WHEN (b.measures -> a.measure ->> 'limit')::numeric > a."limit"
             AND CASE a.tier_on WHEN 'forecast' THEN b.forecast ELSE b.spent END * 100 < a.tier * b."limit"
            THEN coalesce('raise ' || raised.override_id, 'limit raised')
        END AS why
) AS ground
WHERE a.released_at IS NULL AND a.release_at IS NULL
  AND a.state IN ('planned', 'approved', 'applied', 'verified', 'failed') AND ground.why IS NOT NULL
ORDER BY a.action_id
