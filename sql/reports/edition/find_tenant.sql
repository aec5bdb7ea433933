-- Tenants by name or id (:tenant), or all of them (null). Reads usage.tenant. Writes nothing.
SELECT source, tenant_id, name, timezone AS zone
FROM usage.tenant
WHERE :'tenant'::text IS NULL OR name = :'tenant'::text OR tenant_id = :'tenant'::text
ORDER BY source, name, tenant_id
