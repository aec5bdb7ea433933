-- One row a workspace. Reads tenants whole (a workspace is a row). Writes nothing.
SELECT t.id::text AS tenant_id, t.name::text FROM tenants t
