-- Holds what was spent against the limits: the measure with the highest ratio decides.
-- Reads stage_spent, stage_limit, stage_allowance. Writes stage_status, with the straight line as forecast, too.
-- Safe to run twice in an emptied session. :judged_at is the moment that forecasts start from.
INSERT INTO stage_status (
    budget_id, scope_value, scope_name, scope, period, zone, period_start, period_end, measure, measures, spent, "limit",
    ratio, forecast, straight_line, tokens, input_tokens, output_tokens, cost, calls, allowance
)
SELECT s.budget_id, s.scope_value, s.scope_name, s.scope, s.period, s.zone, s.period_start, s.period_end,
       deciding.measure, deciding.measures, deciding.spent, deciding.allowed, deciding.ratio,
       line.amount, line.amount,
       s.tokens, s.input_tokens, s.output_tokens, s.cost, s.calls,
       coalesce((SELECT jsonb_agg(jsonb_build_object('measure', a.measure, 'amount', a.amount::text, 'reason', a.reason)
                                  ORDER BY a.measure, a.reason)
                 FROM stage_allowance a
                 WHERE a.budget_id = s.budget_id AND a.scope_value = s.scope_value AND a.period_start = s.period_start
                   AND a.amount <> 0), '[]')
FROM stage_spent s
CROSS JOIN LATERAL (
    SELECT (array_agg(m.measure ORDER BY m.ratio DESC, m.measure))[1] AS measure,
           (array_agg(m.spent ORDER BY m.ratio DESC, m.measure))[1] AS spent,
           (array_agg(m.allowed ORDER BY m.ratio DESC, m.measure))[1] AS allowed,
           max(m.ratio) AS ratio,
           jsonb_object_agg(m.measure, jsonb_build_object(
               'spent', m.spent::text, 'limit', m.allowed::text, 'ratio', round(m.ratio, 6)::text)) AS measures
    FROM (
        SELECT l.measure, l.allowed + coalesce(more.amount, 0) AS allowed, spent.amount AS spent,
               spent.amount / (l.allowed + coalesce(more.amount, 0)) AS ratio
        FROM stage_limit l
        CROSS JOIN LATERAL (
            SELECT CASE l.measure WHEN 'tokens' THEN s.tokens WHEN 'input_tokens' THEN s.input_tokens
                                  WHEN 'output_tokens' THEN s.output_tokens WHEN 'cost' THEN s.cost
                                  WHEN 'calls' THEN s.calls END AS amount
        ) AS spent
        CROSS JOIN LATERAL (
            SELECT sum(a.amount) AS amount FROM stage_allowance a
            WHERE a.budget_id = s.budget_id AND a.scope_value = s.scope_value AND a.period_start = s.period_start
              AND a.measure = l.measure
        ) AS more
        WHERE l.budget_id = s.budget_id
    ) AS m
) AS deciding
CROSS JOIN LATERAL (
    SELECT CASE WHEN :'judged_at'::timestamptz >= s.period_end OR :'judged_at'::timestamptz <= s.period_start
                     OR s.period LIKE 'rolling:%'
                THEN deciding.spent
                ELSE round(deciding.spent
                           * extract(epoch FROM s.period_end - s.period_start)
                           / greatest(extract(epoch FROM :'judged_at'::timestamptz - s.period_start), 1), 6) END AS amount
) AS line;
