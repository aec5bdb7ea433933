-- What a person wants to know when a budget's value reaches a tier: the last hour's burn and who burnt it, and how the
-- same value did before. Reads usage.usage_event along occurred_at, usage.budget_status, usage.tenant, usage.project.
-- Writes nothing.
WITH used AS MATERIALIZED (
    SELECT d.total_tokens, coalesce(d.base_cost, 0) AS base_cost, d.input_tokens, d.output_tokens,
           (d.event_id NOT LIKE 'residual:%')::integer AS calls,
           d.caller_kind || coalesce(': ' || d.caller_id, '') AS caller, coalesce(p.name, d.app_id) AS project,
           d.model, d.node_title, jsonb_build_array(d.tenant_id, coalesce(t.name, d.tenant_id)) AS tenant
    :in_scope
      AND d.occurred_at > :'as_of'::timestamptz - interval '1 hour' AND d.occurred_at <= :'as_of'::timestamptz + interval '5 minutes'
      AND d.basis = 'logged'
), status AS (
    SELECT b.previous_period, b.trailing_average FROM usage.budget_status b
    WHERE b.budget_id = :'budget_id' AND b.scope_value = :'scope_value' AND b.period_start = :'period_start'::timestamptz
      AND b.measure = :'measure'
)
SELECT
    (SELECT coalesce(sum(CASE :'measure' WHEN 'cost' THEN base_cost WHEN 'calls' THEN calls
                                         WHEN 'input_tokens' THEN input_tokens WHEN 'output_tokens' THEN output_tokens
                                         ELSE total_tokens END), 0) FROM used)::text AS burn_last_hour,
    (:largest) AS top,
    (SELECT previous_period::text FROM status) AS previous_period,
    (SELECT trailing_average::text FROM status) AS trailing_average,
    (SELECT t.name FROM usage.tenant t
     WHERE t.source = :'scope_source' AND t.tenant_id = :'scope_tenant') AS tenant_name,
    (SELECT p.environment FROM usage.project p
     WHERE p.source = :'scope_source' AND p.app_id = :'scope_app') AS environment
