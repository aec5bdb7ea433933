-- Writes what was judged. Reads stage_status, stage_passed, stage_budget, usage.budget_tier. Writes usage.budget_status.
-- Safe to run twice. Windows that rolled on long ago are removed: each hour or day leaves a row of them.
INSERT INTO usage.budget_status AS known (
    budget_id, scope_value, period_start, period_end, zone, period, scope_name, scope, measure, measures, spent, "limit",
    ratio, level, tier_at, forecast, as_of, config_version, terms, allowance, resolved_at
)
SELECT s.budget_id, s.scope_value, s.period_start, s.period_end, s.zone, s.period, s.scope_name, s.scope, s.measure,
       s.measures, s.spent, s."limit", s.ratio, coalesce(gravest.level, 'ok'), gravest.tier_at, s.forecast,
       :'judged_at'::timestamptz, :'config_version'::bigint, b.terms, s.allowance, resolved.at
FROM stage_status s
JOIN stage_budget b USING (budget_id)
:levels
LEFT JOIN (
    SELECT k.budget_id, k.scope_value, k.period_start, max(k.resolved_at) AS at
    FROM usage.budget_tier k
    WHERE k.resolved_at IS NOT NULL
    GROUP BY k.budget_id, k.scope_value, k.period_start
) AS resolved USING (budget_id, scope_value, period_start)
ON CONFLICT (budget_id, scope_value, period_start) DO UPDATE
SET period_end = excluded.period_end, zone = excluded.zone, period = excluded.period, scope_name = excluded.scope_name,
    scope = excluded.scope, measure = excluded.measure, measures = excluded.measures, spent = excluded.spent,
    "limit" = excluded."limit", ratio = excluded.ratio, level = excluded.level, tier_at = excluded.tier_at,
    forecast = excluded.forecast, as_of = greatest(known.as_of, excluded.as_of),
    config_version = excluded.config_version, terms = excluded.terms, judged_by = 'pass',
    allowance = excluded.allowance, resolved_at = excluded.resolved_at;

DELETE FROM usage.budget_status k
USING stage_budget b
WHERE k.budget_id = b.budget_id AND k.period LIKE 'rolling:%' AND k.period_end < :'judged_at'::timestamptz - interval '35 days';
