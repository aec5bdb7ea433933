-- What one value of a budget spent in a period up to a moment, by its largest parts, and all measures together (kind
-- total). Reads usage.usage_event along usage_date (:in_scope and :in_period are sql/budgets/). Writes nothing.
WITH taken AS MATERIALIZED (
    SELECT CASE WHEN d.basis = 'logged' OR :'estimated'::boolean THEN d.total_tokens ELSE 0 END AS tokens,
           CASE d.basis WHEN 'logged' THEN d.input_tokens ELSE 0 END AS input_tokens,
           CASE d.basis WHEN 'logged' THEN d.output_tokens ELSE 0 END AS output_tokens,
           CASE d.basis WHEN 'logged' THEN coalesce(d.base_cost, 0) ELSE 0 END AS cost,
           (d.basis = 'logged' AND d.event_id NOT LIKE 'residual:%')::integer AS calls,
           :largest_columns
    :in_scope
      AND :in_period
      AND d.occurred_at <= :'at'::timestamptz
), total AS (
    SELECT m.measure AS name, m.amount
    FROM (SELECT sum(tokens) AS tokens, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
                 sum(cost) AS cost, sum(calls) AS calls FROM taken) AS s
    CROSS JOIN LATERAL (
        VALUES ('tokens', s.tokens), ('input_tokens', s.input_tokens), ('output_tokens', s.output_tokens),
               ('cost', s.cost), ('calls', s.calls)
    ) AS m (measure, amount)
), part AS (
    SELECT p.kind, p.name, sum(p.amount) AS amount,
           row_number() OVER (PARTITION BY p.kind ORDER BY sum(p.amount) DESC, p.name) AS place
    FROM taken s
    CROSS JOIN LATERAL (
        SELECT CASE :'measure' WHEN 'tokens' THEN s.tokens WHEN 'input_tokens' THEN s.input_tokens
                               WHEN 'output_tokens' THEN s.output_tokens WHEN 'cost' THEN s.cost
                               ELSE s.calls END AS amount
    ) AS a
    CROSS JOIN LATERAL (
        VALUES :largest_rows
    ) AS p (kind, name, amount)
    WHERE p.name IS NOT NULL
    GROUP BY p.kind, p.name
    HAVING sum(p.amount) > 0
)
SELECT x.kind, x.name, x.amount
FROM (
    SELECT 'total' AS kind, name, coalesce(amount, 0) AS amount, 0 AS place FROM total
    UNION ALL
    SELECT kind, left(name, 200), amount, place FROM part WHERE place <= 5
) AS x
ORDER BY x.kind, x.place
