-- Which tiers each evaluated row passes, and which of those that are known to have been passed it does not any more.
-- Reads stage_status, stage_tier, usage.budget_tier. Writes stage_passed, a row a tier. Safe to run twice in an emptied
-- session.
-- Compared by multiplication: a ratio cut by a division could miss a tier by a hair.
INSERT INTO stage_passed
SELECT s.budget_id, s.scope_value, s.period_start, state.start, t.tier_on, t.tier_at, t.level, t.for_seconds, passed.it,
       passed.it
FROM stage_status s
JOIN stage_tier t USING (budget_id)
CROSS JOIN LATERAL (
    SELECT CASE WHEN s.period LIKE 'rolling:%' THEN '-infinity' ELSE s.period_start END AS start
) AS state
CROSS JOIN LATERAL (
    SELECT CASE t.tier_on WHEN 'forecast' THEN s.forecast ELSE s.spent END * 100 >= t.tier_at * s."limit"
           AND (t.min_spend IS NULL OR NOT EXISTS (
               SELECT FROM jsonb_each_text(t.min_spend) AS least (measure, amount)
               WHERE CASE least.measure WHEN 'tokens' THEN s.tokens WHEN 'input_tokens' THEN s.input_tokens
                                        WHEN 'output_tokens' THEN s.output_tokens WHEN 'cost' THEN s.cost
                                        WHEN 'calls' THEN s.calls END < least.amount::numeric)) AS it
) AS passed
WHERE passed.it OR EXISTS (
    SELECT FROM usage.budget_tier k
    WHERE k.budget_id = s.budget_id AND k.scope_value = s.scope_value AND k.period_start = state.start
      AND k.tier_on = t.tier_on AND k.tier_at = t.tier_at
);
