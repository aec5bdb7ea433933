-- The budgets of periods that :last lies in, as they were evaluated last: for days of which no configuration is kept that
-- could evaluate them again. The fullest first. Reads report_budget (scope.sql). Writes nothing.
-- Days are those of the budget's own zone.
SELECT b.budget_id, b.scope_value, b.scope_name, b.period, (b.period_start AT TIME ZONE b.zone)::date AS first,
       (b.period_end AT TIME ZONE b.zone)::date - 1 AS last, b.measure, b.spent,
       b."limit" - coalesce((SELECT sum((a ->> 'amount')::numeric) FROM jsonb_array_elements(b.allowance) AS a
                             WHERE a ->> 'measure' = b.measure), 0) AS base_limit,
       b."limit", b.ratio, b.level, b.ratio AS highest_ratio, b.level AS highest_level, b.forecast, b.as_of
FROM report_budget b
WHERE (b.period_start AT TIME ZONE b.zone)::date <= :'last'::date AND (b.period_end AT TIME ZONE b.zone)::date > :'last'::date
ORDER BY b.ratio DESC, b.budget_id, b.scope_value
