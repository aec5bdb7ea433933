-- The values of one budget in the periods that a moment lies in, the highest ratio first; of rolling windows the one that
-- was current then: the first that ends after it.
-- Reads usage.budget_status. Writes nothing.
SELECT s.scope_value, s.scope_name, s.scope, s.period, s.zone, s.period_start, s.period_end, s.measure, s."limit", s.level,
       s.forecast, s.config_version, s.allowance, s.straight_line, s.forecast_low, s.forecast_high, s.previous_period,
       s.trailing_average, s.as_of
FROM (
    SELECT DISTINCT ON (b.scope_value, CASE WHEN b.period LIKE 'rolling:%' THEN '-infinity' ELSE b.period_start END)
           b.scope_value, b.scope_name, b.scope, b.period, b.zone, b.period_start, b.period_end, b.measure,
           b."limit", b.ratio, b.level, b.forecast, b.config_version, b.allowance,
           b.straight_line, b.forecast_low, b.forecast_high, b.previous_period, b.trailing_average,
           b.as_of
    FROM usage.budget_status b
    WHERE b.budget_id = :'budget_id' AND b.period_start <= :'at'::timestamptz AND b.period_end > :'at'::timestamptz
    ORDER BY b.scope_value, CASE WHEN b.period LIKE 'rolling:%' THEN '-infinity' ELSE b.period_start END,
             b.period_end
) AS s
ORDER BY s.ratio DESC, s.scope_name
