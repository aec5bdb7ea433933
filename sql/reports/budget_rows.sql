-- The current period of the budgets; of rolling windows the newest. Reads usage.budget_status. Writes nothing.
SELECT b.budget_id, b.scope_value, b.scope_name AS scope, b.period, b.period_start, b.period_end, b.measure, b.spent, b."limit",
       round(b.ratio, 4) AS ratio, b.level, b.forecast, b.as_of, b.config_version, b.scope AS scope_ids,
       b.straight_line, b.forecast_low, b.forecast_high, b.previous_period, b.trailing_average, b.week_before
FROM usage.budget_status b
WHERE b.period_start <= now() AND b.period_end > now()
  AND b.budget_id = ANY (:'budget_ids'::text[])
  AND NOT EXISTS (SELECT FROM usage.budget_status n
                  WHERE b.period LIKE 'rolling:%' AND n.budget_id = b.budget_id AND n.scope_value = b.scope_value
                    AND n.period_start > b.period_start)
ORDER BY b.ratio DESC, b.budget_id, b.scope_name
