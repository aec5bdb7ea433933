-- This month's usage by project, the dearest first; a month is the tenant's own. Reads usage.daily_project_usage,
-- usage.project, usage.tenant. Writes nothing.
SELECT coalesce(t.name, d.tenant_id), coalesce(p.name, d.app_id), d.environment, sum(d.calls)::bigint,
       sum(d.failed_calls)::bigint, sum(d.total_tokens)::bigint, round(sum(d.base_cost), 2),
       sum(d.unpriced_tokens)::bigint
FROM usage.daily_project_usage d
LEFT JOIN usage.tenant t ON t.source = d.source AND t.tenant_id = d.tenant_id
LEFT JOIN usage.project p ON p.source = d.source AND p.app_id = d.app_id
WHERE d.usage_date >= date_trunc('month', now() AT TIME ZONE coalesce(t.timezone, 'UTC'))::date
GROUP BY 1, 2, 3
ORDER BY 7 DESC, 6 DESC, 2
