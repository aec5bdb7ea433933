-- One project as an action's target, while it is still there. Reads usage.project, usage.tenant. Writes nothing.
SELECT p.source, p.app_id, p.tenant_id, p.name, coalesce(t.name, p.tenant_id) AS tenant_name, p.environment, p.tags,
       0::numeric AS spent, 0::numeric AS of_late
FROM usage.project p
LEFT JOIN usage.tenant t USING (source, tenant_id)
WHERE p.source = :'source' AND p.app_id = :'app_id' AND p.gone_at IS NULL
