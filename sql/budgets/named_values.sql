-- What has one of the names (or ids) that scopes write, whose it is, and whose each name was when it was one workspace's.
-- Reads :names (JSON: budget_id, dimension, name), the tables that name values, usage.budget_name. Writes nothing.
WITH named (dimension, source, id, tenant_id, name, alias) AS (
    :named_of_tenants
)
SELECT n.budget_id, n.dimension, n.name, v.source, v.id, v.tenant_id, coalesce(t.name, v.tenant_id) AS tenant_name,
       v.id = n.name AS by_id, (k.source, k.tenant_id) IS NOT DISTINCT FROM (v.source, v.tenant_id) AS remembered
FROM jsonb_to_recordset(:'names'::jsonb) AS n (budget_id text, dimension text, name text)
JOIN named v ON v.dimension = n.dimension AND n.name IN (v.id, v.name, v.alias)
LEFT JOIN usage.tenant t ON t.source = v.source AND t.tenant_id = v.tenant_id
LEFT JOIN usage.budget_name k ON (k.budget_id, k.dimension, k.name) = (n.budget_id, n.dimension, n.name)
ORDER BY n.budget_id, n.dimension, n.name, v.source, v.id
