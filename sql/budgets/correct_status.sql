-- Writes what was evaluated of past periods where the same terms were in force then (late usage corrects what was spent)
-- or where nothing was evaluated then. What other terms evaluated stays as it is.
-- Reads stage_status, stage_passed, stage_budget. Writes usage.budget_status. Safe to run twice.
INSERT INTO usage.budget_status AS known (
    budget_id, scope_value, period_start, period_end, zone, period, scope_name, scope, measure, measures, spent, "limit",
    ratio, level, tier_at, forecast, as_of, config_version, terms, allowance, judged_by, cost
)
SELECT s.budget_id, s.scope_value, s.period_start, s.period_end, s.zone, s.period, s.scope_name, s.scope, s.measure,
       s.measures, s.spent, s."limit", s.ratio, coalesce(gravest.level, 'ok'), gravest.tier_at, s.forecast,
       :'judged_at'::timestamptz, :'config_version'::bigint, b.terms, s.allowance, 'backfill', s.cost
FROM stage_status s
JOIN stage_budget b USING (budget_id)
:levels
ON CONFLICT (budget_id, scope_value, period_start) DO UPDATE
SET measure = excluded.measure, measures = excluded.measures, spent = excluded.spent, "limit" = excluded."limit",
    ratio = excluded.ratio, level = excluded.level, tier_at = excluded.tier_at, forecast = excluded.forecast,
    as_of = excluded.as_of, allowance = excluded.allowance, cost = excluded.cost
WHERE known.terms = excluded.terms;
