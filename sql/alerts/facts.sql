-- What a person wants to know when a budget's value reaches a tier: the last hour's burn and who burnt it, and how the
-- same value did before; each part says whose it is, by ids and names, for what recipients may see. Reads usage.usage_event along occurred_at, usage.budget_status. Writes nothing.
WITH recent AS MATERIALIZED (
    SELECT d.total_tokens, coalesce(d.base_cost, 0) AS base_cost, d.input_tokens, d.output_tokens,
           d.caller_kind || coalesce(': ' || d.caller_id, '') AS caller, coalesce(p.name, d.app_id) AS project,
           d.model, d.node_title, d.app_mode,
           jsonb_build_array(d.tenant_id, coalesce(t.name, d.tenant_id)) AS tenant
    :in_scope
      AND d.occurred_at > :'as_of'::timestamptz - interval '1 hour' AND d.occurred_at <= :'as_of'::timestamptz + interval '5 minutes'
      AND d.basis = 'logged'
), total AS (
    SELECT coalesce(sum(total_tokens), 0) AS tokens, coalesce(sum(base_cost), 0) AS cost, count(*) AS calls,
           coalesce(sum(input_tokens), 0) AS input_tokens, coalesce(sum(output_tokens), 0) AS output_tokens
    FROM recent
), ranked AS (
    SELECT kind, name, sum(total_tokens) AS tokens, sum(base_cost) AS cost, jsonb_agg(DISTINCT tenant) AS tenants,
           row_number() OVER (PARTITION BY kind ORDER BY sum(total_tokens) DESC, name) AS place
    FROM recent
    CROSS JOIN LATERAL (
        VALUES ('callers', caller), ('projects', project), ('models', model), ('nodes', node_title)
    ) AS part (kind, name)
    WHERE name IS NOT NULL
    GROUP BY kind, name
), top AS (
    SELECT kind, jsonb_agg(jsonb_build_object(
               'name', left(name, 200), 'tokens', tokens::text, 'cost', cost::text, 'tenants', tenants,
               'share', round(tokens / greatest((SELECT tokens FROM total), 1), 4)::text) ORDER BY place) AS rows
    FROM ranked WHERE place <= 3 AND tokens > 0
    GROUP BY kind
)
SELECT
    (SELECT CASE :'measure' WHEN 'cost' THEN cost WHEN 'calls' THEN calls WHEN 'input_tokens' THEN input_tokens
                            WHEN 'output_tokens' THEN output_tokens ELSE tokens END FROM total)::text AS burn_last_hour,
    coalesce((SELECT jsonb_object_agg(kind, rows) FROM top), '{}'::jsonb) AS top,
    (SELECT b.measures -> :'measure' ->> 'spent' FROM usage.budget_status b
     WHERE b.budget_id = :'budget_id' AND b.scope_value = :'scope_value' AND b.period = :'period'
       AND b.period_start < :'period_start'::timestamptz
     ORDER BY b.period_start DESC LIMIT 1) AS previous_period,
    (SELECT round(avg((x.measures -> :'measure' ->> 'spent')::numeric), 6)::text FROM (
        SELECT b.measures FROM usage.budget_status b
        WHERE b.budget_id = :'budget_id' AND b.scope_value = :'scope_value' AND b.period = :'period'
          AND b.period_start < :'period_start'::timestamptz
        ORDER BY b.period_start DESC LIMIT 7) AS x) AS trailing_average,
    (SELECT t.name FROM usage.tenant t
     WHERE t.source = :'scope_source' AND t.tenant_id = :'scope_tenant') AS tenant_name,
    (SELECT p.environment FROM usage.project p
     WHERE p.source = :'scope_source' AND p.app_id = :'scope_app') AS environment
