-- Remembers which tiers are passed, since when, and which count: a tier with `for` counts when it was passed that long.
-- One that is passed no more is resolved; passed again, it is the same alert unless the limit stands higher than when it
-- was reached. Reads stage_passed, stage_status. Writes usage.budget_tier, usage.budget_event, stage_passed.
-- Safe to run twice: nothing is reached, resolved or reopened twice. :judged_at is now.
WITH below AS (
    UPDATE usage.budget_tier k SET resolved_at = :'judged_at'::timestamptz
    FROM stage_passed p
    WHERE NOT p.passed AND k.budget_id = p.budget_id AND k.scope_value = p.scope_value
      AND k.period_start = p.state_start AND k.tier_on = p.tier_on AND k.tier_at = p.tier_at
      AND k.reached_at IS NOT NULL AND k.resolved_at IS NULL
    RETURNING p.*
)
INSERT INTO usage.budget_event (
    at, budget_id, scope_value, period_start, kind, tier_on, tier_at, level, measure, spent, "limit", config_version
)
SELECT :'judged_at'::timestamptz, b.budget_id, b.scope_value, b.period_start, 'resolved', b.tier_on, b.tier_at, b.level,
       s.measure, s.spent, s."limit", :'config_version'::bigint
FROM below b
JOIN stage_status s USING (budget_id, scope_value, period_start)
ORDER BY b.budget_id, b.scope_value, b.period_start, b.tier_on DESC, b.tier_at;

-- What never counted is forgotten, and what a window has moved away from: it may be reached anew.
DELETE FROM usage.budget_tier k
USING stage_passed p
WHERE NOT p.passed AND k.budget_id = p.budget_id AND k.scope_value = p.scope_value AND k.period_start = p.state_start
  AND k.tier_on = p.tier_on AND k.tier_at = p.tier_at AND (k.reached_at IS NULL OR k.period_start = '-infinity');

INSERT INTO usage.budget_tier (budget_id, scope_value, period_start, tier_on, tier_at, since, alert_start)
SELECT p.budget_id, p.scope_value, p.state_start, p.tier_on, p.tier_at, :'judged_at'::timestamptz, p.period_start
FROM stage_passed p
WHERE p.passed
ON CONFLICT DO NOTHING;

WITH counting AS (
    SELECT p.budget_id, p.scope_value, p.period_start, p.state_start, p.tier_on, p.tier_at, p.level, k.reached_at,
           s.measure, s.spent, s."limit", s.measures,
           k.resolved_at IS NOT NULL AND s."limit" > (k.limits ->> s.measure)::numeric AS higher
    FROM stage_passed p
    JOIN stage_status s USING (budget_id, scope_value, period_start)
    JOIN usage.budget_tier k ON k.budget_id = p.budget_id AND k.scope_value = p.scope_value
     AND k.period_start = p.state_start AND k.tier_on = p.tier_on AND k.tier_at = p.tier_at
    WHERE p.passed AND (
        k.resolved_at IS NOT NULL
        OR k.reached_at IS NULL
           AND k.since <= :'judged_at'::timestamptz - make_interval(secs => coalesce(p.for_seconds, 0)::double precision))
), counted AS (
    UPDATE usage.budget_tier k
    SET reached_at = CASE WHEN c.higher OR k.reached_at IS NULL THEN :'judged_at'::timestamptz ELSE k.reached_at END,
        round = k.round + coalesce(c.higher, false)::integer, resolved_at = NULL,
        limits = CASE WHEN c.higher OR k.reached_at IS NULL
                      THEN (SELECT jsonb_object_agg(m.measure, m.facts ->> 'limit')
                            FROM jsonb_each(c.measures) AS m (measure, facts))
                      ELSE k.limits END
    FROM counting c
    WHERE k.budget_id = c.budget_id AND k.scope_value = c.scope_value AND k.period_start = c.state_start
      AND k.tier_on = c.tier_on AND k.tier_at = c.tier_at
)
INSERT INTO usage.budget_event (
    at, budget_id, scope_value, period_start, kind, tier_on, tier_at, level, measure, spent, "limit", config_version
)
SELECT :'judged_at'::timestamptz, c.budget_id, c.scope_value, c.period_start,
       CASE WHEN c.reached_at IS NULL OR c.higher THEN 'reached' ELSE 'reopened' END, c.tier_on, c.tier_at, c.level,
       c.measure, c.spent, c."limit", :'config_version'::bigint
FROM counting c
ORDER BY c.budget_id, c.scope_value, c.period_start, c.tier_on DESC, c.tier_at;

UPDATE stage_passed p SET counts = false
FROM usage.budget_tier k
WHERE p.passed AND k.budget_id = p.budget_id AND k.scope_value = p.scope_value AND k.period_start = p.state_start
  AND k.tier_on = p.tier_on AND k.tier_at = p.tier_at AND k.reached_at IS NULL;
