-- Writes what was evaluated, and what the same value had spent in the periods before. Reads stage_status, stage_passed,
-- stage_budget, stage_definition, usage.budget_tier, usage.budget_value, usage.budget_spent, usage.budget_day.
-- Writes usage.budget_status.
-- Safe to run twice. Windows that rolled on long ago are removed: each hour or day leaves a row of them.
WITH earlier AS MATERIALIZED (
    SELECT p.period, p.zone, p.period_start, cut.first_day, cut.end_day, cut.starts, cut.ends
    FROM (
        SELECT DISTINCT period, zone, period_start,
               CASE period WHEN 'hour' THEN interval '1 hour' WHEN 'day' THEN interval '1 day'
                           WHEN 'week' THEN interval '7 days' WHEN 'month' THEN interval '1 month'
                           WHEN 'quarter' THEN interval '3 months' WHEN 'year' THEN interval '1 year' END AS step
        FROM stage_status
    ) AS p
    CROSS JOIN generate_series(1, 7) AS back
    CROSS JOIN LATERAL usage.period_cut(
        p.period, p.zone, ((p.period_start AT TIME ZONE p.zone) - back * p.step) AT TIME ZONE p.zone) AS cut
    WHERE p.step IS NOT NULL
), counted AS MATERIALIZED (
    SELECT d.n, d.definition_id, min(k.usage_date) AS since
    FROM stage_definition d
    JOIN usage.budget_day k USING (definition_id)
    GROUP BY d.n, d.definition_id
)
INSERT INTO usage.budget_status AS known (
    budget_id, scope_value, period_start, period_end, zone, period, scope_name, scope, measure, measures, spent, "limit",
    ratio, level, tier_at, forecast, as_of, config_version, terms, allowance, resolved_at, straight_line, forecast_low,
    forecast_high, previous_period, trailing_average, week_before, cost
)
SELECT s.budget_id, s.scope_value, s.period_start, s.period_end, s.zone, s.period, s.scope_name, s.scope, s.measure,
       s.measures, s.spent, s."limit", s.ratio, coalesce(gravest.level, 'ok'), gravest.tier_at, s.forecast,
       :'judged_at'::timestamptz, :'config_version'::bigint, b.terms, s.allowance, resolved.at,
       s.straight_line, s.forecast_low, s.forecast_high, history.previous_period, history.trailing_average,
       history.week_before, s.cost
FROM stage_status s
JOIN stage_budget b USING (budget_id)
:levels
LEFT JOIN (
    SELECT k.budget_id, k.scope_value, k.period_start, max(k.resolved_at) AS at
    FROM usage.budget_tier k
    WHERE k.resolved_at IS NOT NULL
    GROUP BY k.budget_id, k.scope_value, k.period_start
) AS resolved USING (budget_id, scope_value, period_start)
LEFT JOIN usage.budget_status was USING (budget_id, scope_value, period_start)
LEFT JOIN LATERAL (
    -- What was before does not change while a period runs: it is looked up when its row is new.
    SELECT (array_agg(x.spent ORDER BY x.period_start DESC))[1] AS previous_period, round(avg(x.spent), 6) AS trailing_average,
           (array_agg(x.spent) FILTER (WHERE x.weeks = 1))[1] AS week_before
    FROM (
        SELECT DISTINCT ON (h.period_start) h.period_start, h.spent,
               CASE WHEN s.period_start - h.period_start BETWEEN interval '6 days 22 hours' AND interval '7 days 2 hours'
                    THEN 1 END AS weeks
        FROM (
            -- Each sum is looked up by its key, whatever the planner thinks of tables that have just been filled.
            SELECT e.starts AS period_start, 1 AS place, sums.spent
            FROM counted c
            CROSS JOIN LATERAL (
                SELECT v.value_id FROM usage.budget_value v
                WHERE v.definition_id = c.definition_id AND v.scope_value = s.scope_value
                OFFSET 0
            ) AS v
            JOIN earlier e ON e.period = s.period AND e.zone = s.zone AND e.period_start = s.period_start
                          AND e.first_day >= c.since
            CROSS JOIN LATERAL (
                SELECT sum(CASE s.measure WHEN 'tokens' THEN u.total_tokens WHEN 'input_tokens' THEN u.input_tokens
                                          WHEN 'output_tokens' THEN u.output_tokens WHEN 'cost' THEN u.base_cost
                                          ELSE u.calls END) AS spent
                FROM usage.budget_spent u
                WHERE u.value_id = v.value_id AND u.usage_date >= e.first_day AND u.usage_date < e.end_day
                  AND (u.starts_at = '-infinity' OR u.starts_at >= e.starts AND u.starts_at < e.ends)
                OFFSET 0
            ) AS sums
            WHERE c.n = b.n AND sums.spent IS NOT NULL
            UNION ALL
            (SELECT k.period_start, 2, (k.measures -> s.measure ->> 'spent')::numeric
             FROM usage.budget_status k
             WHERE k.budget_id = s.budget_id AND k.scope_value = s.scope_value AND k.period = s.period
               AND k.period_start < s.period_start
             ORDER BY k.period_start DESC
             LIMIT 7)
        ) AS h
        ORDER BY h.period_start DESC, h.place
        LIMIT 7
    ) AS x
) AS history ON was.measure IS DISTINCT FROM s.measure OR was.judged_by = 'backfill'
             -- What was read late, as all that a new installation finds, is compared with, too.
             OR EXISTS (SELECT FROM stage_stale t
                        WHERE t.n = b.n AND t.usage_date < (s.period_start AT TIME ZONE s.zone)::date - 1)
ON CONFLICT (budget_id, scope_value, period_start) DO UPDATE
SET period_end = excluded.period_end, zone = excluded.zone, period = excluded.period, scope_name = excluded.scope_name,
    scope = excluded.scope, measure = excluded.measure, measures = excluded.measures, spent = excluded.spent,
    "limit" = excluded."limit", ratio = excluded.ratio, level = excluded.level, tier_at = excluded.tier_at,
    forecast = excluded.forecast, as_of = greatest(known.as_of, excluded.as_of),
    config_version = excluded.config_version, terms = excluded.terms, judged_by = 'pass',
    allowance = excluded.allowance, resolved_at = excluded.resolved_at, cost = excluded.cost,
    straight_line = excluded.straight_line, forecast_low = excluded.forecast_low, forecast_high = excluded.forecast_high,
    previous_period = coalesce(excluded.previous_period,
                               CASE WHEN known.measure = excluded.measure THEN known.previous_period END),
    trailing_average = coalesce(excluded.trailing_average,
                                CASE WHEN known.measure = excluded.measure THEN known.trailing_average END),
    week_before = coalesce(excluded.week_before, CASE WHEN known.measure = excluded.measure THEN known.week_before END);

DELETE FROM usage.budget_status k
USING stage_budget b
WHERE k.budget_id = b.budget_id AND k.period LIKE 'rolling:%' AND k.period_end < :'judged_at'::timestamptz - interval '35 days';
