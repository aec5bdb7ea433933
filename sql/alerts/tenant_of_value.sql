-- The tenant that a tenant, project or API key of a source belongs to. Reads usage.tenant, usage.project, usage.api_key.
-- Writes nothing.
SELECT t.tenant_id, t.name
FROM usage.tenant t
LEFT JOIN usage.project p USING (source, tenant_id)
LEFT JOIN usage.api_key k USING (source, app_id)
WHERE t.source = :'source' AND :'value' IN (t.tenant_id, p.app_id, k.api_key_id)
LIMIT 1
