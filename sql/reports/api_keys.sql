-- Every API key that was ever seen, and every one that rules declare, with what it was used for in the last 30 days.
-- Reads usage.api_key, usage.project, usage.tenant, usage.daily_key_usage along usage_date. Writes nothing. Days are cut in each
-- tenant's zone; cost is in the base currency. A key without a row in usage.api_key is one that only a rule names.
WITH used AS (
    SELECT d.source, d.tenant_id, d.app_id, d.api_key_id, sum(d.calls) AS calls, sum(d.total_tokens) AS tokens,
           sum(d.base_cost) AS cost, string_agg(DISTINCT d.key_attribution, ', ' ORDER BY d.key_attribution) AS told_by
    FROM usage.daily_key_usage d
    LEFT JOIN usage.tenant t ON t.source = d.source AND t.tenant_id = d.tenant_id
    WHERE d.usage_date > (now() AT TIME ZONE coalesce(t.timezone, 'UTC'))::date - 30 AND d.api_key_id IS NOT NULL
    GROUP BY d.source, d.tenant_id, d.app_id, d.api_key_id
)
SELECT coalesce(t.name, coalesce(k.tenant_id, p.tenant_id, u.tenant_id)) AS tenant,
       coalesce(p.name, k.app_id, u.app_id) AS project,
       coalesce(k.name, CASE WHEN k.api_key_id IS NULL THEN u.api_key_id END) AS name, k.masked,
       coalesce(k.api_key_id, u.api_key_id) AS api_key_id,
       CASE WHEN k.api_key_id IS NULL THEN 'declared' WHEN k.gone_at IS NULL THEN 'live' ELSE 'gone' END AS state,
       k.created_at, k.last_used_at, k.gone_at, coalesce(u.calls, 0)::bigint AS calls, coalesce(u.tokens, 0)::bigint AS tokens,
       round(coalesce(u.cost, 0), 2) AS cost, u.told_by
FROM usage.api_key k
FULL JOIN used u ON u.source = k.source AND u.api_key_id = k.api_key_id
LEFT JOIN usage.project p ON p.source = coalesce(k.source, u.source) AND p.app_id = coalesce(k.app_id, u.app_id)
LEFT JOIN usage.tenant t ON t.source = coalesce(k.source, u.source) AND t.tenant_id = coalesce(k.tenant_id, p.tenant_id, u.tenant_id)
ORDER BY coalesce(u.cost, 0) DESC, coalesce(u.tokens, 0) DESC, 1, 2, 3 NULLS LAST, 5
