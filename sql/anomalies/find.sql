-- Values of one dimension whose usage in the last window (k = 0) is far above the median of its own windows before. Far is
-- told in robust standard deviations (1.4826 times the median distance from the median), which are never taken for less
-- than a tenth of the usual, nor for less than what makes :least stand out of nothing.
-- Reads :rows (sql/anomalies/rows_of_*.sql) and the tables that name values. Writes nothing.
WITH span AS (
    SELECT * FROM jsonb_to_recordset(:'spans'::jsonb)
        AS s (k integer, starts timestamptz, ends timestamptz, first_day date, last_day date)
), used AS MATERIALIZED (
:rows
), part AS (
    SELECT d.window_no AS k, v.value, max(v.name) AS name,
           sum(CASE :'measure' WHEN 'tokens' THEN d.total_tokens WHEN 'input_tokens' THEN d.input_tokens
                               WHEN 'output_tokens' THEN d.output_tokens WHEN 'cost' THEN d.base_cost
                               ELSE d.calls END) AS amount
    FROM used d
    :names_of_row
    CROSS JOIN LATERAL (
        SELECT CASE :'per' WHEN '' THEN '' ELSE :value_of_per END AS value, :name_of_per AS name
    ) AS v
    WHERE v.value IS NOT NULL AND :fits_scope
    GROUP BY d.window_no, v.value
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
SELECT n.value, n.name, n.amount, round(s.usual, 6) AS usual, round(s.spread, 6) AS spread,
       round((n.amount - s.usual) / s.spread, 2) AS score, n.known
FROM now n
JOIN spread s USING (value)
WHERE n.amount - s.usual >= :'score'::numeric * s.spread
ORDER BY score DESC, n.value
