-- :events of 50 apps and :callers, as if read long ago: over 60 days that ended three days ago, none of them in Dify.
-- Writes usage.usage_event of an empty warehouse.
INSERT INTO usage.usage_event (
    source, event_id, tenant_id, environment, app_id, key_attribution, caller_kind, caller_id, provider, model,
    input_tokens, output_tokens, total_tokens, cost, currency, base_cost, price_source, basis, status, occurred_at,
    usage_date)
SELECT 'main', 'message:' || md5('old' || n)::uuid, md5('tenant' || n % 5)::uuid::text, 'prod', md5('app' || n % 50)::uuid::text,
       'none', 'api', 'user-' || n::bigint * 7919 % :'callers', 'openai', 'gpt-' || n % 4, 700, 300, 1000, 0.0123, 'USD',
       0.0123, 'dify', 'logged', 'succeeded', made.at, (made.at AT TIME ZONE 'Asia/Shanghai')::date
FROM generate_series(0, :'events'::bigint - 1) n
CROSS JOIN LATERAL (
    SELECT now() - interval '3 days' - (:'events'::bigint - n) * (interval '60 days' / :'events'::bigint) AS at
) AS made
