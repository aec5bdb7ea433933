-- What every budget's values have spent in the periods of stage_cut, a row for each.
-- Reads stage_budget, stage_cut, usage.budget_value, usage.budget_spent, the tables that name values, usage.budget_status.
-- Writes stage_span, stage_spent. Safe to run twice.
-- A pass (:passed_at) evaluates a period that has ended only under the terms that were in force while it ran: a changed file
-- says nothing about yesterday.
-- A period is cut in the zone of the value's tenant where the value has one, else in the budget's. Days are compared as
-- dates: a usage date is a day of its tenant's zone already. With :until, only what was spent up to that day; with
-- :only_touched, only where a day of the period stands in usage.budget_touched.
INSERT INTO stage_span
SELECT b.budget_id, c.*
FROM stage_budget b
JOIN stage_cut c USING (period)
WHERE :'passed_at'::timestamptz IS NULL OR c.ends > :'passed_at'::timestamptz OR EXISTS (
    SELECT FROM usage.budget_status k
    WHERE k.budget_id = b.budget_id AND k.terms = b.terms AND k.period_start < c.ends
);

ANALYZE stage_span;

INSERT INTO stage_spent
SELECT s.budget_id, v.scope_value,
       :scope_name, v.scope, s.period, s.zone, s.starts, s.ends, s.tokens, s.input_tokens,
       s.output_tokens, s.cost, s.calls
FROM (
    SELECT b.budget_id, b.n, v.value_id, c.period, c.zone, c.starts, c.ends, sums.*
    FROM stage_budget b
    JOIN stage_definition d USING (n)
    JOIN usage.budget_value v ON v.definition_id = d.definition_id
    LEFT JOIN usage.tenant t ON t.source = v.source AND t.tenant_id = v.tenant_id
    JOIN stage_span c ON c.budget_id = b.budget_id
     AND c.zone = CASE WHEN b.follows_tenant THEN coalesce(t.timezone, b.zone) ELSE b.zone END
     AND (NOT :'only_touched'::boolean OR EXISTS (
        SELECT FROM usage.budget_touched t
        WHERE t.value_id = v.value_id AND t.usage_date >= c.first_day AND t.usage_date < c.end_day))
    CROSS JOIN LATERAL (
        SELECT sum(s.total_tokens) AS tokens, sum(s.input_tokens) AS input_tokens, sum(s.output_tokens) AS output_tokens,
               sum(s.base_cost) AS cost, sum(s.calls) AS calls
        FROM usage.budget_spent s
        WHERE s.value_id = v.value_id AND s.usage_date >= c.first_day AND s.usage_date < c.end_day
          AND (s.starts_at = '-infinity' OR s.starts_at >= c.starts AND s.starts_at < c.ends)
          AND (:'until'::date IS NULL OR s.usage_date <= :'until'::date)
    ) AS sums
    WHERE sums.calls IS NOT NULL
) AS s
JOIN stage_definition d USING (n)
JOIN usage.budget_value v USING (value_id)
:names_of_value
ON CONFLICT DO NOTHING;

-- A budget without `per` has a row even before anything is spent.
INSERT INTO stage_spent
SELECT b.budget_id, '', '', '{}'::jsonb, b.period, b.zone, c.starts, c.ends, 0, 0, 0, 0, 0
FROM stage_budget b
JOIN stage_span c ON c.budget_id = b.budget_id AND c.zone = b.zone
WHERE NOT b.divided AND NOT :'only_touched'::boolean
ON CONFLICT DO NOTHING;

-- A value that was in force and has spent nothing any more (its events moved to another day) is evaluated with zero.
INSERT INTO stage_spent
SELECT k.budget_id, k.scope_value, k.scope_name, k.scope, k.period, k.zone, k.period_start, k.period_end, 0, 0, 0, 0, 0
FROM usage.budget_status k
JOIN stage_budget b ON b.budget_id = k.budget_id AND b.period = k.period
JOIN stage_span c ON c.budget_id = k.budget_id AND c.zone = k.zone AND c.starts = k.period_start AND c.ends = k.period_end
WHERE NOT :'only_touched'::boolean
ON CONFLICT DO NOTHING;

-- A window from which all spending has rolled out is evaluated too while a tier of it still stands.
INSERT INTO stage_spent
SELECT DISTINCT ON (k.budget_id, k.scope_value) k.budget_id, k.scope_value, k.scope_name, k.scope, k.period, k.zone,
       c.starts, c.ends, 0, 0, 0, 0, 0
FROM usage.budget_tier t
JOIN usage.budget_status k USING (budget_id, scope_value)
JOIN stage_budget b ON b.budget_id = k.budget_id AND b.period = k.period
JOIN stage_span c ON c.budget_id = k.budget_id AND c.zone = k.zone
WHERE t.period_start = '-infinity' AND k.period LIKE 'rolling:%' AND NOT :'only_touched'::boolean
ORDER BY k.budget_id, k.scope_value, k.period_start DESC
ON CONFLICT DO NOTHING;
