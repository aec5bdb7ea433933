-- By which prices each tenant's (:tenant_id of :source; null: each) month was priced: a row a tenant, model, currency and
-- basis, the costliest first. Reads usage.usage_event along usage_date. Writes nothing.
SELECT e.source, e.tenant_id, e.provider, e.model, e.currency, e.price_source AS basis, count(*)::bigint AS calls,
       sum(e.input_tokens)::bigint AS input_tokens, sum(e.output_tokens)::bigint AS output_tokens,
       sum(e.total_tokens)::bigint AS total_tokens, sum(e.cost) AS cost, coalesce(sum(e.base_cost), 0) AS base_cost
FROM usage.usage_event e
WHERE e.usage_date BETWEEN :'first'::date AND :'last'::date AND e.basis = 'logged'
  AND (:'tenant_id'::text IS NULL OR (e.source = :'source'::text AND e.tenant_id = :'tenant_id'::text))
GROUP BY e.source, e.tenant_id, e.provider, e.model, e.currency, e.price_source
HAVING sum(e.total_tokens) > 0 OR sum(e.base_cost) <> 0
ORDER BY e.source, e.tenant_id, coalesce(sum(e.base_cost), 0) DESC, sum(e.total_tokens) DESC, e.provider, e.model,
         e.currency, e.price_source
