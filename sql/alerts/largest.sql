-- A fragment: who used most, a JSON list a kind, the largest three by :measure. Reads the rows of `used`: tokens, input and
-- output tokens, cost, calls, and whose they are. Each part says whose tenants' it is, for what recipients may see.
WITH amount AS (
    SELECT part.kind, part.name, u.tenant, u.total_tokens, u.base_cost, u.calls,
           CASE :'measure' WHEN 'cost' THEN u.base_cost WHEN 'calls' THEN u.calls WHEN 'input_tokens' THEN u.input_tokens
                           WHEN 'output_tokens' THEN u.output_tokens ELSE u.total_tokens END AS measured
    FROM used u
    CROSS JOIN LATERAL (
        VALUES ('all', ''), ('callers', u.caller), ('projects', u.project), ('models', u.model), ('nodes', u.node_title)
    ) AS part (kind, name)
    WHERE part.name IS NOT NULL
), ranked AS (
    SELECT kind, name, sum(total_tokens) AS tokens, sum(base_cost) AS cost, sum(calls) AS calls, sum(measured) AS measured,
           jsonb_agg(DISTINCT tenant) AS tenants,
           row_number() OVER (PARTITION BY kind ORDER BY sum(measured) DESC, name) AS place
    FROM amount
    GROUP BY kind, name
), part AS (
    SELECT kind, jsonb_agg(jsonb_build_object(
               'name', left(name, 200), 'tokens', tokens::text, 'cost', cost::text, 'calls', calls::text, 'tenants', tenants,
               'share', round(measured / nullif((SELECT measured FROM ranked WHERE kind = 'all'), 0), 4)::text)
               ORDER BY place) AS rows
    FROM ranked
    WHERE place <= 3 AND measured > 0 AND kind <> 'all'
    GROUP BY kind
)
SELECT coalesce(jsonb_object_agg(kind, rows), '{}'::jsonb) FROM part
