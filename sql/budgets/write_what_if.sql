-- Writes how budgets would have stood at the end of a past day under another file, beside what was in force then.
-- Reads stage_status, stage_passed, usage.budget_status. Writes usage.budget_status_what_if. Safe to run twice.
INSERT INTO usage.budget_status_what_if AS known (
    budget_id, scope_value, period_start, usage_date, config_version, period_end, zone, period, scope_name, measure,
    spent, "limit", ratio, level, tier_at, in_force_limit, in_force_ratio, in_force_level, in_force_version
)
SELECT s.budget_id, s.scope_value, s.period_start, :'day'::date, :'config_version'::bigint, s.period_end, s.zone,
       s.period, s.scope_name, s.measure, s.spent, s."limit", s.ratio, coalesce(gravest.level, 'ok'), gravest.tier_at,
       k."limit", k.ratio, k.level, k.config_version
FROM stage_status s
:levels
LEFT JOIN usage.budget_status k ON k.budget_id = s.budget_id AND k.scope_value = s.scope_value
 AND k.period_start = s.period_start AND k.judged_by = 'pass'
-- In one order: of two who write the same day one waits for the other.
ORDER BY s.budget_id, s.scope_value, s.period_start
ON CONFLICT (budget_id, scope_value, period_start, usage_date, config_version) DO UPDATE
SET period_end = excluded.period_end, zone = excluded.zone, period = excluded.period, scope_name = excluded.scope_name,
    measure = excluded.measure, spent = excluded.spent, "limit" = excluded."limit", ratio = excluded.ratio,
    level = excluded.level, tier_at = excluded.tier_at, in_force_limit = excluded.in_force_limit,
    in_force_ratio = excluded.in_force_ratio, in_force_level = excluded.in_force_level,
    in_force_version = excluded.in_force_version, judged_at = now();
