-- Holds what was spent against the limits: the measure with the highest ratio decides, the highest tier reached gives
-- the level. Reads stage_spent, usage.budget_override and :budgets, a JSON list of {"id", "limits": {measure: limit}, "tiers": [{"at",
-- "level"}]}. Writes stage_status and usage.budget_status. Safe to run twice.
-- A value that was in force and has spent nothing any more (its events moved to another day) is judged with zero.
INSERT INTO stage_spent (
    budget_id, scope_value, scope_name, scope, period, zone, period_start, period_end, tokens, input_tokens,
    output_tokens, cost, calls
)
SELECT b.budget_id, b.scope_value, b.scope_name, b.scope, b.period, b.zone, b.period_start, b.period_end, 0, 0, 0, 0, 0
FROM usage.budget_status b
JOIN jsonb_array_elements(:'budgets'::jsonb) AS budget (json) ON budget.json ->> 'id' = b.budget_id
WHERE b.period_start <= :'as_of'::timestamptz AND b.period_end > :'as_of'::timestamptz
  AND b.period = budget.json ->> 'period'
ON CONFLICT (budget_id, scope_value, period_start) DO NOTHING;

INSERT INTO stage_status
SELECT s.budget_id, s.scope_value, s.scope_name, s.scope, s.period, s.zone, s.period_start, s.period_end,
       deciding.measure, deciding.measures, deciding.spent, deciding.allowed, deciding.ratio,
       coalesce(tier.level, 'ok'), tier.at,
       CASE WHEN :'judged_at'::timestamptz >= s.period_end OR :'judged_at'::timestamptz <= s.period_start
            THEN deciding.spent
            ELSE round(deciding.spent
                       * extract(epoch FROM s.period_end - s.period_start)
                       / greatest(extract(epoch FROM :'judged_at'::timestamptz - s.period_start), 1), 6) END,
       s.tokens, s.cost
FROM stage_spent s
JOIN jsonb_array_elements(:'budgets'::jsonb) AS budget (json) ON budget.json ->> 'id' = s.budget_id
CROSS JOIN LATERAL (
    SELECT (array_agg(m.measure ORDER BY m.ratio DESC, m.measure))[1] AS measure,
           (array_agg(m.spent ORDER BY m.ratio DESC, m.measure))[1] AS spent,
           (array_agg(m.allowed ORDER BY m.ratio DESC, m.measure))[1] AS allowed,
           max(m.ratio) AS ratio,
           jsonb_object_agg(m.measure, jsonb_build_object(
               'spent', m.spent::text, 'limit', m.allowed::text, 'ratio', round(m.ratio, 6)::text)) AS measures
    FROM (
        SELECT l.measure, raised.allowed, spent.amount AS spent, spent.amount / raised.allowed AS ratio
        FROM jsonb_each_text(budget.json -> 'limits') AS l (measure, allowed)
        CROSS JOIN LATERAL (
            -- Raises that were in force at that moment, or at the period's end when that is past.
            SELECT l.allowed::numeric
                   + coalesce(sum(coalesce(o.raise_by, l.allowed::numeric * o.raise_percent * 0.01)), 0) AS allowed
            FROM usage.budget_override o
            WHERE o.state IN ('approved', 'ended') AND o.budget_id = s.budget_id AND o.scope_value = s.scope_value
              AND (o.measure IS NULL OR o.measure = l.measure)
              AND o.decided_at <= least(:'judged_at'::timestamptz, s.period_end - interval '1 microsecond')
              AND o.until > least(:'judged_at'::timestamptz, s.period_end - interval '1 microsecond')
        ) AS raised
        CROSS JOIN LATERAL (
            SELECT CASE l.measure WHEN 'tokens' THEN s.tokens WHEN 'input_tokens' THEN s.input_tokens
                                  WHEN 'output_tokens' THEN s.output_tokens WHEN 'cost' THEN s.cost
                                  WHEN 'calls' THEN s.calls END AS amount
        ) AS spent
    ) AS m
) AS deciding
LEFT JOIN LATERAL (
    SELECT (t.json ->> 'at')::numeric AS at, t.json ->> 'level' AS level
    FROM jsonb_array_elements(budget.json -> 'tiers') AS t (json)
    -- Compared by multiplication: a ratio cut by a division could miss a tier by a hair.
    WHERE deciding.spent * 100 >= (t.json ->> 'at')::numeric * deciding.allowed
    ORDER BY 1 DESC
    LIMIT 1
) AS tier ON true;

INSERT INTO usage.budget_status AS known (
    budget_id, scope_value, period_start, period_end, zone, period, scope_name, scope, measure, measures, spent, "limit",
    ratio, level, tier_at, forecast, as_of, config_version
)
SELECT s.budget_id, s.scope_value, s.period_start, s.period_end, s.zone, s.period, s.scope_name, s.scope, s.measure, s.measures,
       s.spent, s."limit", s.ratio, s.level, s.tier_at, s.forecast, :'judged_at'::timestamptz, :'config_version'::bigint
FROM stage_status s
ON CONFLICT (budget_id, scope_value, period_start) DO UPDATE
SET period_end = excluded.period_end, zone = excluded.zone, period = excluded.period, scope_name = excluded.scope_name,
    scope = excluded.scope, measure = excluded.measure, measures = excluded.measures, spent = excluded.spent,
    "limit" = excluded."limit", ratio = excluded.ratio, level = excluded.level, tier_at = excluded.tier_at,
    forecast = excluded.forecast, as_of = greatest(known.as_of, excluded.as_of),
    config_version = excluded.config_version;
