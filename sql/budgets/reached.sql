-- The tiers that have been reached and have no alert yet, lowest first.
-- Reads stage_status, usage.alert and :budgets (as judge.sql). Writes nothing.
SELECT s.budget_id, s.scope_value, s.scope_name, s.scope, s.period, s.zone, s.period_start, s.period_end, s.measure,
       s.spent, s."limit", s.ratio, s.forecast, s.tokens, s.cost, (t.json ->> 'at')::numeric AS tier,
       t.json ->> 'level' AS level
FROM stage_status s
JOIN jsonb_array_elements(:'budgets'::jsonb) AS budget (json) ON budget.json ->> 'id' = s.budget_id
JOIN LATERAL jsonb_array_elements(budget.json -> 'tiers') AS t (json)
  ON s.spent * 100 >= (t.json ->> 'at')::numeric * s."limit"
WHERE NOT EXISTS (
    SELECT FROM usage.alert a
    WHERE a.kind = 'budget' AND a.budget_id = s.budget_id AND a.scope_value = s.scope_value
      AND a.period_start = s.period_start AND a.tier = (t.json ->> 'at')::numeric
)
ORDER BY s.budget_id, s.scope_value, s.period_start, tier
