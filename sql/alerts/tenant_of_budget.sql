-- The tenant that a budget's value lies in, by its newest status. Reads usage.budget_status, usage.tenant. Writes nothing.
SELECT t.tenant_id, t.name
FROM usage.budget_status b
JOIN usage.tenant t ON t.source = b.scope ->> 'source' AND t.tenant_id = b.scope ->> 'tenant_id'
WHERE b.budget_id = :'budget_id' AND b.scope_value = :'scope_value'
ORDER BY b.period_start DESC
LIMIT 1
