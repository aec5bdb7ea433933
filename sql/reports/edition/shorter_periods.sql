-- Of budgets whose periods are shorter than an edition: the fullest period of each value that began within :begins and
-- :ends and reached a tier. Reads report_budget (scope.sql), usage.budget_event along budget_event_budget. Writes nothing.
SELECT DISTINCT ON (b.budget_id, b.scope_value)
       b.budget_id, b.scope_value, b.scope_name, b.period, (b.period_start AT TIME ZONE b.zone)::date AS first,
       (b.period_end AT TIME ZONE b.zone)::date - 1 AS last, b.measure, b.spent,
       b."limit" - coalesce((SELECT sum((a ->> 'amount')::numeric) FROM jsonb_array_elements(b.allowance) AS a
                             WHERE a ->> 'measure' = b.measure), 0) AS base_limit,
       b."limit", b.ratio, b.level, b.ratio AS highest_ratio, b.level AS highest_level, b.forecast, b.as_of
FROM usage.budget_event e
JOIN report_budget b USING (budget_id, scope_value, period_start)
WHERE e.kind = 'reached' AND e.tier_on = 'spent' AND e.at >= :'begins'::timestamptz AND e.at < :'ends'::timestamptz
  AND b.period_start >= :'begins'::timestamptz AND b.period_end <= :'ends'::timestamptz
ORDER BY b.budget_id, b.scope_value, e.spent / nullif(e."limit", 0) DESC NULLS LAST, b.period_start DESC
