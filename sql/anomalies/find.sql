-- Values of one dimension whose usage in the last window (k = 0) is far above the median of its own windows before. Far is
-- told in robust standard deviations (1.4826 times the median distance from the median), which are never taken for less
-- than a tenth of the usual, nor for less than what makes :least stand out of nothing.
-- Reads :rows (sql/anomalies/rows_of_*.sql), usage.tenant, usage.project, usage.api_key. Writes nothing.
WITH span AS (
    SELECT * FROM jsonb_to_recordset(:'spans'::jsonb)
        AS s (k integer, starts timestamptz, ends timestamptz, first_day date, last_day date)
), used AS MATERIALIZED (
:rows
), part AS (
    SELECT u.k, v.value, max(v.name) AS name,
           sum(CASE :'measure' WHEN 'tokens' THEN u.total_tokens WHEN 'input_tokens' THEN u.input_tokens
                               WHEN 'output_tokens' THEN u.output_tokens WHEN 'cost' THEN u.base_cost
                               ELSE u.calls END) AS amount
    FROM used u
    LEFT JOIN usage.tenant t ON t.source = u.source AND t.tenant_id = u.tenant_id
    LEFT JOIN usage.project p ON p.source = u.source AND p.app_id = u.app_id
    LEFT JOIN usage.api_key y ON y.source = u.source AND y.api_key_id = u.api_key_id
    CROSS JOIN LATERAL (
        SELECT CASE :'per' WHEN '' THEN '' WHEN 'tenant' THEN u.source || '/' || u.tenant_id
                           WHEN 'environment' THEN u.environment WHEN 'project' THEN u.source || '/' || u.app_id
                           WHEN 'api_key' THEN u.source || '/' || u.api_key_id
                           WHEN 'caller' THEN u.caller_kind || ': ' || u.caller_id WHEN 'provider' THEN u.provider
                           WHEN 'model' THEN u.model END AS value,
               CASE :'per' WHEN 'tenant' THEN coalesce(t.name, u.tenant_id) WHEN 'project' THEN coalesce(p.name, u.app_id)
                           WHEN 'api_key' THEN coalesce(y.name, y.masked, u.api_key_id) END AS name
    ) AS v
    WHERE v.value IS NOT NULL AND NOT EXISTS (
        SELECT FROM (
            VALUES ('tenant', ARRAY[t.name, u.tenant_id]), ('environment', ARRAY[u.environment]),
                   ('project', ARRAY[p.name, u.app_id]), ('api_key', ARRAY[y.name, y.masked, u.api_key_id]),
                   ('caller', ARRAY[u.caller_id]), ('provider', ARRAY[u.provider]), ('model', ARRAY[u.model])
        ) AS dimension (name, its)
        WHERE :'included'::jsonb ? dimension.name AND NOT EXISTS (
                  SELECT FROM unnest(dimension.its) AS it
                  JOIN jsonb_array_elements_text(:'included'::jsonb -> dimension.name) AS pattern ON it LIKE pattern)
           OR :'excluded'::jsonb ? dimension.name AND EXISTS (
                  SELECT FROM unnest(dimension.its) AS it
                  JOIN jsonb_array_elements_text(:'excluded'::jsonb -> dimension.name) AS pattern ON it LIKE pattern)
    )
    GROUP BY u.k, v.value
), now AS (
    SELECT n.value, coalesce(n.name, n.value) AS name, n.amount,
           (SELECT max(o.k) FROM part o WHERE o.value = n.value AND o.k > 0) AS known
    FROM part n
    WHERE n.k = 0 AND n.amount >= :'least'::numeric
), before AS (
    -- A window without usage counts as nothing, from the value's first one on.
    SELECT n.value, coalesce(o.amount, 0) AS amount
    FROM now n
    CROSS JOIN LATERAL generate_series(1, n.known) AS g (k)
    LEFT JOIN part o ON o.value = n.value AND o.k = g.k
    WHERE n.known >= :'fewest'::integer
), middle AS (
    SELECT value, percentile_cont(0.5) WITHIN GROUP (ORDER BY amount::double precision)::numeric AS usual
    FROM before GROUP BY value
), spread AS (
    SELECT m.value, m.usual,
           greatest(1.4826 * percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(b.amount - m.usual)::double precision)::numeric,
                    m.usual / 10, :'least'::numeric / :'score'::numeric) AS spread
    FROM middle m JOIN before b USING (value)
    GROUP BY m.value, m.usual
)
SELECT n.value, n.name, n.amount, round(s.usual, 6), round(s.spread, 6), round((n.amount - s.usual) / s.spread, 2) AS score,
       n.known
FROM now n
JOIN spread s USING (value)
WHERE n.amount - s.usual >= :'score'::numeric * s.spread
ORDER BY score DESC, n.value
