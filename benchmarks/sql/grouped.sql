-- The six daily tables' own groups and sums, straight from the events and kept nowhere: the least that a roll-up costs.
-- All sums are asked for: what nobody reads would not be computed. Reads usage.usage_event. Writes nothing.
SELECT count(*), sum(calls), sum(input), sum(output), sum(total), sum(cost), sum(base) FROM (
    SELECT usage_date, source, tenant_id, environment, app_id, api_key_id, key_attribution, caller_kind, caller_id,
           provider, model, currency, count(*) AS calls, sum(input_tokens) AS input, sum(output_tokens) AS output,
           sum(total_tokens) AS total, sum(cost) AS cost, sum(base_cost) AS base
    FROM usage.usage_event
    GROUP BY usage_date, source, tenant_id, environment, app_id, api_key_id, key_attribution, caller_kind, caller_id,
             provider, model, currency) AS daily_usage;
SELECT count(*), sum(calls), sum(input), sum(output), sum(total), sum(cost), sum(base) FROM (
    SELECT usage_date, source, tenant_id, environment, app_id, currency, count(*) AS calls, sum(input_tokens) AS input,
           sum(output_tokens) AS output, sum(total_tokens) AS total, sum(cost) AS cost, sum(base_cost) AS base
    FROM usage.usage_event
    GROUP BY usage_date, source, tenant_id, environment, app_id, currency) AS daily_project_usage;
SELECT count(*), sum(calls), sum(input), sum(output), sum(total), sum(cost), sum(base) FROM (
    SELECT usage_date, source, tenant_id, app_id, api_key_id, key_attribution, currency, count(*) AS calls,
           sum(input_tokens) AS input, sum(output_tokens) AS output, sum(total_tokens) AS total, sum(cost) AS cost,
           sum(base_cost) AS base
    FROM usage.usage_event
    GROUP BY usage_date, source, tenant_id, app_id, api_key_id, key_attribution, currency) AS daily_key_usage;
SELECT count(*), sum(calls), sum(input), sum(output), sum(total), sum(cost), sum(base) FROM (
    SELECT usage_date, source, tenant_id, caller_kind, caller_id, currency, count(*) AS calls,
           sum(input_tokens) AS input, sum(output_tokens) AS output, sum(total_tokens) AS total, sum(cost) AS cost,
           sum(base_cost) AS base
    FROM usage.usage_event
    GROUP BY usage_date, source, tenant_id, caller_kind, caller_id, currency) AS daily_user_usage;
SELECT count(*), sum(calls), sum(input), sum(output), sum(total), sum(cost), sum(base) FROM (
    SELECT usage_date, source, provider, model, currency, count(*) AS calls, sum(input_tokens) AS input,
           sum(output_tokens) AS output, sum(total_tokens) AS total, sum(cost) AS cost, sum(base_cost) AS base
    FROM usage.usage_event
    GROUP BY usage_date, source, provider, model, currency) AS daily_model_usage;
SELECT count(*), sum(calls), sum(input), sum(output), sum(total), sum(cost), sum(base) FROM (
    SELECT usage_date, source, tenant_id, app_id, node_id, node_type, node_title, provider, model, currency,
           count(*) AS calls, sum(input_tokens) AS input, sum(output_tokens) AS output, sum(total_tokens) AS total,
           sum(cost) AS cost, sum(base_cost) AS base
    FROM usage.usage_event
    GROUP BY usage_date, source, tenant_id, app_id, node_id, node_type, node_title, provider, model,
             currency) AS daily_node_usage;
