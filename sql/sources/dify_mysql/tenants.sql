-- One row a workspace. Reads tenants whole (a workspace is a row). Writes nothing.
SELECT t.id AS tenant_id, t.name FROM tenants t
