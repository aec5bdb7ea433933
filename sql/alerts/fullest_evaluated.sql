-- The fullest value of a budget that was just evaluated, for a look at what its alert would say. No row where
-- nothing was spent. Reads stage_status (sql/budgets/). Writes nothing.
SELECT s.scope_value, s.scope_name, s.scope, s.period, s.zone, s.period_start, s.period_end, s.measure, s.spent, s."limit",
       s.ratio, s.forecast, s.tokens, s.cost
FROM stage_status s
ORDER BY s.period_end DESC, s.ratio DESC, s.scope_value
LIMIT 1
