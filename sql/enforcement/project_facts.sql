-- What the list `enforcement.never` looks at, of one project. Reads usage.project, usage.tenant. Writes nothing.
SELECT p.app_id AS project_id, p.name AS project_name, p.tenant_id AS workspace_id,
       coalesce(t.name, p.tenant_id) AS workspace_name, p.environment, p.tags
FROM usage.project p
LEFT JOIN usage.tenant t USING (source, tenant_id)
WHERE p.source = :'source' AND p.app_id = :'app_id'
