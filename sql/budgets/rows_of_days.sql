-- A fragment: what was used, a row a day and combination, as budgets count it. Reads usage.daily_usage along usage_date.
SELECT d.usage_date, '-infinity'::timestamptz AS starts_at, d.source, d.tenant_id, d.environment, d.app_id, d.api_key_id,
       d.caller_kind, d.caller_id, d.provider, d.model, NULL::text AS node_id, NULL::text AS node_title, d.calls,
       d.input_tokens, d.output_tokens, d.total_tokens, d.estimated_tokens, d.base_cost
FROM usage.daily_usage d
WHERE d.usage_date = ANY (:'days'::date[])
