-- What a tenant (:tenant_id of :source; null: each) is charged for a month: a line a tenant, project and model.
-- Reads usage.daily_usage along usage_date, usage.tenant, usage.project. Writes nothing.
SELECT d.source, d.tenant_id, coalesce(max(t.name), d.tenant_id) AS tenant, d.environment, d.app_id,
       coalesce(max(p.name), d.app_id) AS project, d.provider, d.model, sum(d.calls)::bigint AS calls,
       sum(d.input_tokens)::bigint AS input_tokens, sum(d.output_tokens)::bigint AS output_tokens,
       sum(d.total_tokens)::bigint AS total_tokens, sum(d.unpriced_tokens)::bigint AS unpriced_tokens,
       sum(d.base_cost) AS base_cost
FROM usage.daily_usage d
LEFT JOIN usage.tenant t USING (source, tenant_id)
LEFT JOIN usage.project p USING (source, app_id)
WHERE d.usage_date BETWEEN :'first'::date AND :'last'::date
  AND (:'tenant_id'::text IS NULL OR (d.source = :'source'::text AND d.tenant_id = :'tenant_id'::text))
GROUP BY d.source, d.tenant_id, d.environment, d.app_id, d.provider, d.model
ORDER BY d.source, d.tenant_id, sum(d.base_cost) DESC, d.app_id, d.provider, d.model, d.environment
