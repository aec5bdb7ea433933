-- What a project used in the last 24 hours: by hour (kind hour, the hours ago as its name) and by its largest callers,
-- nodes, models and keys. Reads usage.usage_event along occurred_at, usage.api_key. Writes nothing.
WITH recent AS MATERIALIZED (
    SELECT e.occurred_at, e.total_tokens, coalesce(e.base_cost, 0) AS cost, (e.event_id NOT LIKE 'residual:%')::integer AS calls,
           e.caller_kind || coalesce(': ' || e.caller_id, '') AS caller, e.node_title AS node, e.model,
           coalesce(k.name, k.masked) AS key
    FROM usage.usage_event e
    LEFT JOIN usage.api_key k ON k.source = e.source AND k.api_key_id = e.api_key_id
    WHERE e.source = :'source' AND e.app_id = :'app_id' AND e.basis = 'logged'
      AND e.occurred_at > :'now'::timestamptz - interval '24 hours' AND e.occurred_at <= :'now'::timestamptz
), part AS (
    SELECT p.kind, p.name, sum(r.total_tokens) AS tokens, sum(r.cost) AS cost, sum(r.calls) AS calls
    FROM recent r
    CROSS JOIN LATERAL (
        VALUES ('hour', floor(extract(epoch FROM :'now'::timestamptz - r.occurred_at) / 3600)::integer::text),
               ('callers', r.caller), ('nodes', r.node), ('models', r.model), ('keys', r.key)
    ) AS p (kind, name)
    WHERE p.name IS NOT NULL
    GROUP BY p.kind, p.name
), placed AS (
    SELECT *, row_number() OVER (PARTITION BY kind ORDER BY tokens DESC, name) AS place FROM part
)
SELECT kind, left(name, 200) AS name, tokens, cost, calls
FROM placed
WHERE kind = 'hour' OR place <= 8
ORDER BY kind, place
