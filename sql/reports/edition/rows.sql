-- The rows of usage.daily_usage from :first to :last with their names, one for one: what every total is made of.
-- Reads report_usage (scope.sql). Writes nothing.
SELECT usage_date, source, tenant_id, tenant, zone, environment, app_id, project, app_mode, tags, api_key_id, api_key,
       key_attribution, caller_kind, caller_id, caller, provider, model, currency, calls, failed_calls, input_tokens,
       output_tokens, total_tokens, estimated_tokens, unpriced_tokens, cost, base_cost
FROM report_usage
WHERE usage_date BETWEEN :'first'::date AND :'last'::date
ORDER BY usage_date, source, tenant_id, app_id, model, api_key_id, caller_kind, caller_id, currency, base_cost
