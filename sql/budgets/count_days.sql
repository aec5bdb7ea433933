-- Counts the days in stage_stale for the definitions that need them: what each of their values spent, all at once.
-- A value of a dimension carries a bit for each definition that accepts it; a row belongs to the definitions whose bit is
-- set in all of its values. Names are matched once a value, not once a row.
-- Reads :rows (rows_of_days.sql or rows_of_events.sql, as :by_event says), stage_stale, stage_definition,
-- stage_condition, stage_mask, usage.tenant, usage.project, usage.api_key. Writes stage_*,
-- usage.budget_value, usage.budget_spent, usage.budget_day. Safe to run twice: a day's sums replace what was there.
DELETE FROM stage_row;
DELETE FROM stage_bits;
DELETE FROM stage_marked;
DELETE FROM stage_taken;
DELETE FROM stage_part;

INSERT INTO stage_row
SELECT r.usage_date, r.starts_at, r.source, r.tenant_id, u.environment, u.app_id, u.api_key_id, u.caller_kind,
       u.caller_id, u.provider, u.model, u.node_id, u.node_title, sum(r.calls), sum(r.input_tokens),
       sum(r.output_tokens), sum(r.total_tokens), sum(r.estimated_tokens), sum(r.base_cost)
FROM (:rows) AS r
CROSS JOIN LATERAL (
    -- What no budget asks for is left out: rows become fewer.
    SELECT CASE WHEN :'uses_environment'::boolean THEN r.environment END AS environment,
           CASE WHEN :'uses_project'::boolean THEN r.app_id END AS app_id,
           CASE WHEN :'uses_api_key'::boolean THEN r.api_key_id END AS api_key_id,
           CASE WHEN :'uses_caller'::boolean THEN r.caller_kind END AS caller_kind,
           CASE WHEN :'uses_caller'::boolean THEN r.caller_id END AS caller_id,
           CASE WHEN :'uses_provider'::boolean THEN r.provider END AS provider,
           CASE WHEN :'uses_model'::boolean THEN r.model END AS model,
           CASE WHEN :'uses_node'::boolean THEN r.node_id END AS node_id,
           CASE WHEN :'uses_node'::boolean THEN coalesce(r.node_title, '') END AS node_title
) AS u
GROUP BY r.usage_date, r.starts_at, r.source, r.tenant_id, u.environment, u.app_id, u.api_key_id, u.caller_kind,
         u.caller_id, u.provider, u.model, u.node_id, u.node_title;

ANALYZE stage_row;

INSERT INTO stage_bits
SELECT v.dimension, v.source, v.id, (k.base | coalesce(bit_or(c.mask), k.base))::varbit
FROM (
    SELECT DISTINCT 'tenant' AS dimension, r.source, r.tenant_id AS id, t.name, NULL AS alias
    FROM stage_row r LEFT JOIN usage.tenant t ON t.source = r.source AND t.tenant_id = r.tenant_id
    UNION ALL
    SELECT DISTINCT 'project', r.source, r.app_id, p.name, NULL
    FROM stage_row r LEFT JOIN usage.project p ON p.source = r.source AND p.app_id = r.app_id
    UNION ALL
    SELECT DISTINCT 'api_key', r.source, r.api_key_id, a.masked, a.name
    FROM stage_row r LEFT JOIN usage.api_key a ON a.source = r.source AND a.api_key_id = r.api_key_id
    UNION ALL SELECT DISTINCT 'environment', '', environment, NULL, NULL FROM stage_row
    UNION ALL SELECT DISTINCT 'caller', '', caller_id, NULL, NULL FROM stage_row
    UNION ALL SELECT DISTINCT 'provider', '', provider, NULL, NULL FROM stage_row
    UNION ALL SELECT DISTINCT 'model', '', model, NULL, NULL FROM stage_row
    UNION ALL SELECT DISTINCT 'node', node_title, node_id, node_title, NULL FROM stage_row
) AS v (dimension, source, id, name, alias)
JOIN stage_mask k USING (dimension)
LEFT JOIN stage_condition c ON c.dimension = v.dimension
 AND (c.included IS NULL OR v.id LIKE ANY (c.included) OR v.name LIKE ANY (c.included)
      OR v.alias LIKE ANY (c.included))
 AND (c.excluded IS NULL OR NOT (v.id LIKE ANY (c.excluded) OR coalesce(v.name LIKE ANY (c.excluded), false)
                                   OR coalesce(v.alias LIKE ANY (c.excluded), false)))
WHERE v.id IS NOT NULL
GROUP BY v.dimension, v.source, v.id, k.base;

ANALYZE stage_bits;

INSERT INTO stage_marked
SELECT r.*, coalesce(bt.bits, :'absent_tenant'::varbit) & coalesce(be.bits, :'absent_environment'::varbit)
          & coalesce(bp.bits, :'absent_project'::varbit) & coalesce(bk.bits, :'absent_api_key'::varbit)
          & coalesce(bc.bits, :'absent_caller'::varbit) & coalesce(bv.bits, :'absent_provider'::varbit)
          & coalesce(bm.bits, :'absent_model'::varbit) & coalesce(bn.bits, :'absent_node'::varbit)
FROM stage_row r
LEFT JOIN stage_bits bt ON bt.dimension = 'tenant' AND bt.source = r.source AND bt.id = r.tenant_id
LEFT JOIN stage_bits be ON be.dimension = 'environment' AND be.id = r.environment
LEFT JOIN stage_bits bp ON bp.dimension = 'project' AND bp.source = r.source AND bp.id = r.app_id
LEFT JOIN stage_bits bk ON bk.dimension = 'api_key' AND bk.source = r.source AND bk.id = r.api_key_id
LEFT JOIN stage_bits bc ON bc.dimension = 'caller' AND bc.id = r.caller_id
LEFT JOIN stage_bits bv ON bv.dimension = 'provider' AND bv.id = r.provider
LEFT JOIN stage_bits bm ON bm.dimension = 'model' AND bm.id = r.model
LEFT JOIN stage_bits bn ON bn.dimension = 'node' AND bn.source = r.node_title AND bn.id = r.node_id;

INSERT INTO stage_taken
SELECT c.bits, c.usage_date, d.n
FROM (SELECT DISTINCT bits, usage_date FROM stage_marked) AS c
JOIN stage_definition d ON get_bit(c.bits, d.n) = 1 AND d.by_event = :'by_event'::boolean
JOIN stage_stale s ON s.n = d.n AND s.usage_date = c.usage_date;

ANALYZE stage_marked, stage_taken;

WITH summed AS (
    SELECT t.n, m.usage_date, CASE WHEN t.by_quarter THEN m.starts_at ELSE '-infinity' END AS starts_at,
           CASE WHEN t.per_tenant OR t.per_project OR t.per_api_key OR t.per_caller OR t.per_node THEN m.source END AS source,
           CASE WHEN t.per_tenant OR t.per_caller THEN m.tenant_id END AS by_tenant,
           CASE WHEN t.per_environment THEN m.environment END AS environment,
           CASE WHEN t.per_project OR t.per_node THEN m.app_id END AS by_app,
           CASE WHEN t.per_api_key THEN m.api_key_id END AS api_key_id,
           CASE WHEN t.per_caller THEN m.caller_kind END AS caller_kind,
           CASE WHEN t.per_caller THEN m.caller_id END AS caller_id,
           CASE WHEN t.per_provider THEN m.provider END AS provider,
           CASE WHEN t.per_model THEN m.model END AS model,
           CASE WHEN t.per_node THEN m.node_id END AS node_id,
           max(m.tenant_id) AS tenant_id, max(m.app_id) AS app_id, sum(m.calls) AS calls,
           sum(m.input_tokens) AS input_tokens, sum(m.output_tokens) AS output_tokens,
           sum(m.total_tokens) AS total_tokens, sum(m.estimated_tokens) AS estimated_tokens,
           sum(m.base_cost) AS base_cost
    FROM stage_marked m
    JOIN stage_taken USING (bits, usage_date)
    JOIN stage_definition t USING (n)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13
)
INSERT INTO stage_part
SELECT d.definition_id,
       ltrim(concat(
           CASE WHEN d.per_tenant THEN '|tenant=' || s.source || '/' || s.by_tenant END,
           CASE WHEN d.per_environment THEN '|environment=' || s.environment END,
           CASE WHEN d.per_project THEN '|project=' || s.source || '/' || s.by_app END,
           CASE WHEN d.per_api_key THEN '|api_key=' || s.source || '/' || s.api_key_id END,
           CASE WHEN d.per_caller
                THEN '|caller=' || s.source || '/' || s.by_tenant || '/' || s.caller_kind || '/' || s.caller_id END,
           CASE WHEN d.per_provider THEN '|provider=' || s.provider END,
           CASE WHEN d.per_model THEN '|model=' || s.model END,
           CASE WHEN d.per_node THEN '|node=' || s.source || '/' || s.by_app || '/' || s.node_id END), '|'),
       s.usage_date, s.starts_at, s.source,
       CASE WHEN s.source IS NOT NULL THEN s.tenant_id END, s.environment,
       CASE WHEN d.per_api_key THEN s.app_id ELSE s.by_app END, s.api_key_id, s.caller_kind, s.caller_id, s.provider,
       s.model, s.node_id, s.calls, s.input_tokens, s.output_tokens,
       s.total_tokens + CASE WHEN d.estimated THEN s.estimated_tokens ELSE 0 END, s.base_cost
FROM summed s
JOIN stage_definition d USING (n)
-- What has no value of a dimension under `per` belongs to no budget of it.
WHERE NOT (d.per_api_key AND s.api_key_id IS NULL OR d.per_caller AND s.caller_id IS NULL
           OR d.per_provider AND s.provider IS NULL OR d.per_model AND s.model IS NULL
           OR d.per_node AND s.node_id IS NULL);

INSERT INTO usage.budget_value (
    definition_id, scope_value, source, tenant_id, environment, app_id, api_key_id, caller_kind, caller_id, provider,
    model, node_id
)
SELECT DISTINCT ON (p.definition_id, p.scope_value) p.definition_id, p.scope_value, p.source, p.tenant_id,
       p.environment, p.app_id, p.api_key_id, p.caller_kind, p.caller_id, p.provider, p.model, p.node_id
FROM stage_part p
LEFT JOIN usage.budget_value v USING (definition_id, scope_value)
WHERE v.value_id IS NULL
ORDER BY p.definition_id, p.scope_value
ON CONFLICT DO NOTHING;

DELETE FROM usage.budget_spent s
USING usage.budget_value v, stage_stale x
WHERE x.by_event = :'by_event'::boolean AND v.definition_id = x.definition_id AND s.value_id = v.value_id
  AND s.usage_date = x.usage_date
  AND NOT EXISTS (SELECT FROM stage_part p
                  WHERE p.definition_id = v.definition_id AND p.scope_value = v.scope_value
                    AND p.usage_date = s.usage_date AND p.starts_at = s.starts_at);

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
      (excluded.calls, excluded.input_tokens, excluded.output_tokens, excluded.total_tokens, excluded.base_cost);

INSERT INTO usage.budget_day AS known (definition_id, usage_date, version)
SELECT definition_id, usage_date, version FROM stage_stale WHERE by_event = :'by_event'::boolean
ON CONFLICT (definition_id, usage_date) DO UPDATE SET version = excluded.version;
