-- Counts the days in stage_stale for the definitions that need them: what each of their values spent, all at once.
-- A value of a dimension carries a bit for each definition that accepts it; a row belongs to the definitions whose bit is
-- set in all of its values. Names are matched once a value, not once a row.
-- What names a dimension (:row_group, :bits, ...) is made of settings/dimensions.py by budgets/dimension_sql.py.
-- Reads :rows (rows_of_days.sql or rows_of_events.sql, as :by_event says), stage_stale, stage_definition,
-- stage_condition, stage_mask and the tables that name values. Writes stage_*,
-- usage.budget_value, usage.budget_spent, usage.budget_touched, usage.budget_day. Safe to run twice: a day's sums replace what was there.
DELETE FROM stage_row;
DELETE FROM stage_bits;
DELETE FROM stage_marked;
DELETE FROM stage_taken;
DELETE FROM stage_part;

INSERT INTO stage_row
SELECT r.usage_date, r.starts_at, :row_group, sum(r.calls), sum(r.input_tokens), sum(r.output_tokens),
       sum(r.total_tokens), sum(r.estimated_tokens), sum(r.base_cost)
FROM (:rows) AS r
CROSS JOIN LATERAL (
    -- What no budget asks for is left out: rows become fewer.
    SELECT :used_columns
) AS u
GROUP BY r.usage_date, r.starts_at, :row_group;

ANALYZE stage_row;

INSERT INTO stage_bits
SELECT v.dimension, v.source, v.id, (k.base | coalesce(bit_or(c.mask), k.base))::varbit
FROM (
    :values_that_occur
) AS v (dimension, source, id, name, alias)
JOIN stage_mask k USING (dimension)
LEFT JOIN stage_condition c ON c.dimension = v.dimension
 AND (c.included IS NULL OR v.source || '/' || v.id = ANY (c.exact_included) OR v.id LIKE ANY (c.included)
          OR v.name LIKE ANY (c.included)
      OR v.alias LIKE ANY (c.included))
 AND (c.excluded IS NULL OR NOT (v.source || '/' || v.id = ANY (c.exact_excluded) OR v.id LIKE ANY (c.excluded) OR coalesce(v.name LIKE ANY (c.excluded), false)
                                   OR coalesce(v.alias LIKE ANY (c.excluded), false)))
WHERE v.id IS NOT NULL
GROUP BY v.dimension, v.source, v.id, k.base;

ANALYZE stage_bits;

INSERT INTO stage_marked
SELECT r.*, :bits
FROM stage_row r
:join_bits;

INSERT INTO stage_taken
SELECT c.bits, c.usage_date, d.n
FROM (SELECT DISTINCT bits, usage_date FROM stage_marked) AS c
JOIN stage_definition d ON get_bit(c.bits, d.n) = 1 AND d.by_event = :'by_event'::boolean
JOIN stage_stale s ON s.n = d.n AND s.usage_date = c.usage_date;

ANALYZE stage_marked, stage_taken;

WITH summed AS (
    SELECT t.n, m.usage_date, CASE WHEN t.by_quarter THEN m.starts_at ELSE '-infinity' END AS starts_at,
           :grouped_columns,
           :outer_ids, sum(m.calls) AS calls,
           sum(m.input_tokens) AS input_tokens, sum(m.output_tokens) AS output_tokens,
           sum(m.total_tokens) AS total_tokens, sum(m.estimated_tokens) AS estimated_tokens,
           sum(m.base_cost) AS base_cost
    FROM stage_marked m
    JOIN stage_taken USING (bits, usage_date)
    JOIN stage_definition t USING (n)
    GROUP BY 1, 2, 3, :group
)
INSERT INTO stage_part
SELECT d.definition_id, :scope_value, s.usage_date, s.starts_at, :kept_columns, s.calls, s.input_tokens,
       s.output_tokens, s.total_tokens + CASE WHEN d.estimated THEN s.estimated_tokens ELSE 0 END, s.base_cost
FROM summed s
JOIN stage_definition d USING (n)
-- What has no value of a dimension under `per` belongs to no budget of it.
WHERE NOT (:without_value);

INSERT INTO usage.budget_value (definition_id, scope_value, :ids, scope)
SELECT DISTINCT ON (p.definition_id, p.scope_value) p.definition_id, p.scope_value, :ids_of_part, :scope_of_part
FROM stage_part p
LEFT JOIN usage.budget_value v USING (definition_id, scope_value)
WHERE v.value_id IS NULL
ORDER BY p.definition_id, p.scope_value
ON CONFLICT DO NOTHING;

WITH gone AS (
    DELETE FROM usage.budget_spent s
    USING usage.budget_value v, stage_stale x
    WHERE x.by_event = :'by_event'::boolean AND v.definition_id = x.definition_id AND s.value_id = v.value_id
      AND s.usage_date = x.usage_date
      AND NOT EXISTS (SELECT FROM stage_part p
                      WHERE p.definition_id = v.definition_id AND p.scope_value = v.scope_value
                        AND p.usage_date = s.usage_date AND p.starts_at = s.starts_at)
    RETURNING s.value_id, s.usage_date
)
INSERT INTO usage.budget_touched SELECT DISTINCT value_id, usage_date FROM gone ON CONFLICT DO NOTHING;

WITH counted AS (
    INSERT INTO usage.budget_spent AS known (
        value_id, usage_date, starts_at, calls, input_tokens, output_tokens, total_tokens, base_cost
    )
    SELECT v.value_id, p.usage_date, p.starts_at, p.calls, p.input_tokens, p.output_tokens, p.total_tokens, p.base_cost
    FROM stage_part p
    JOIN usage.budget_value v USING (definition_id, scope_value)
    ON CONFLICT (value_id, usage_date, starts_at) DO UPDATE
    SET calls = excluded.calls, input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens,
        total_tokens = excluded.total_tokens, base_cost = excluded.base_cost
    WHERE (known.calls, known.input_tokens, known.output_tokens, known.total_tokens, known.base_cost)
          IS DISTINCT FROM
          (excluded.calls, excluded.input_tokens, excluded.output_tokens, excluded.total_tokens, excluded.base_cost)
    RETURNING known.value_id, known.usage_date
)
INSERT INTO usage.budget_touched SELECT DISTINCT value_id, usage_date FROM counted ON CONFLICT DO NOTHING;

INSERT INTO usage.budget_day AS known (definition_id, usage_date, version)
SELECT definition_id, usage_date, version FROM stage_stale WHERE by_event = :'by_event'::boolean
ON CONFLICT (definition_id, usage_date) DO UPDATE SET version = excluded.version;
