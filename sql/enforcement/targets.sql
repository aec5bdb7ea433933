-- The projects that one value of a budget spent in within a period, the largest first, with what they spent of late.
-- Reads usage.usage_event along usage_date (:in_scope and :in_period are sql/budgets/). Writes nothing.
-- What no project of Dify's stands for (tools by themselves, knowledge bases) is left out: nothing could be switched.
SELECT d.source, d.app_id, d.tenant_id, p.name, coalesce(t.name, d.tenant_id) AS tenant_name, p.environment, p.tags,
       sum(m.amount) AS spent,
       coalesce(sum(m.amount) FILTER (WHERE d.occurred_at > :'now'::timestamptz - interval '24 hours'), 0) AS of_late
:in_scope
  AND :in_period
  AND (d.basis = 'logged' OR :'estimated'::boolean)
  AND p.gone_at IS NULL AND p.app_id IS NOT NULL AND p.app_id NOT LIKE 'tools:%' AND p.app_id NOT LIKE 'datasets:%'
GROUP BY d.source, d.app_id, d.tenant_id, p.name, t.name, p.environment, p.tags
HAVING sum(m.amount) > 0
ORDER BY spent DESC, d.source, d.app_id
