-- A fragment: what was used in each span of whole days. Reads usage.daily_usage along usage_date.
SELECT s.k AS window_no, d.source, d.tenant_id, d.environment, d.app_id, d.api_key_id, d.caller_kind, d.caller_id, d.provider, d.model,
       NULL::text AS node_id, NULL::text AS node_title, d.calls, d.input_tokens, d.output_tokens, d.total_tokens, d.base_cost
FROM span s
JOIN usage.daily_usage d ON d.usage_date >= s.first_day AND d.usage_date <= s.last_day
