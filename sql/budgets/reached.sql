-- The tiers that count and have no alert yet, lowest first.
-- Reads stage_status, stage_passed, usage.budget_tier, usage.alert. Writes nothing.
SELECT s.budget_id, s.scope_value, s.scope_name, s.scope, s.period, s.zone, k.alert_start AS period_start, s.period_end, s.measure,
       s.spent, s."limit", s.ratio, s.forecast, s.tokens, s.cost, p.tier_at AS tier, p.level, p.tier_on, k.round
FROM stage_passed p
JOIN stage_status s USING (budget_id, scope_value, period_start)
JOIN usage.budget_tier k ON k.budget_id = p.budget_id AND k.scope_value = p.scope_value
 AND k.period_start = p.state_start AND k.tier_on = p.tier_on AND k.tier_at = p.tier_at
WHERE p.passed AND p.counts AND NOT EXISTS (
    SELECT FROM usage.alert a
    WHERE a.kind = 'budget' AND a.budget_id = p.budget_id AND a.scope_value = p.scope_value
      AND a.period_start = k.alert_start AND a.tier = p.tier_at AND a.tier_on = p.tier_on AND a.round = k.round
)
ORDER BY s.budget_id, s.scope_value, k.alert_start, p.tier_on DESC, p.tier_at
