-- Where the values of a budget stand in their current periods (of rolling windows the newest), the highest ratio first; one
-- value by its name or scope value, or those of a tenant by name or id, when asked for. Reads usage.budget_status,
-- usage.tenant. Writes nothing.
SELECT b.scope_value, b.scope_name, b.measure, b.spent, b."limit", b.ratio, b.level, b.forecast, b.as_of, b.period_start,
       b.period_end, b.measures
FROM usage.budget_status b
WHERE b.budget_id = :'budget_id'::text AND b.period_start <= now() AND b.period_end > now()
  AND (:'scope'::text IS NULL OR :'scope'::text IN (b.scope_value, b.scope_name))
  AND (:'tenant'::text IS NULL OR EXISTS (
        SELECT FROM usage.tenant t
        WHERE t.source = b.scope ->> 'source' AND t.tenant_id = b.scope ->> 'tenant_id' AND :'tenant'::text IN (t.tenant_id, t.name)))
ORDER BY b.ratio DESC, b.period_start DESC
LIMIT 2
