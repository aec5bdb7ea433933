-- The same where no value is named: the only one that the budget has, or two of them. Reads usage.budget_status, usage.tenant.
-- Writes nothing.
SELECT DISTINCT ON (b.scope_value)
       b.scope_value, b.scope_name, b.measure, b.spent, b."limit", b.ratio, b.level, b.forecast,
       -- What has not spent since everything was evaluated stands as of the newest look.
       CASE WHEN b.as_of >= e.evaluated_at THEN greatest(b.as_of, e.looked_at) ELSE b.as_of END AS as_of, b.period_start,
       b.period_end
FROM usage.budget_status b
LEFT JOIN usage.evaluation e ON true
WHERE b.budget_id = :'budget_id'::text AND b.period_start <= now() AND b.period_end > now()
  AND (:'tenant'::text IS NULL OR EXISTS (
        SELECT FROM usage.tenant t
        WHERE t.source = b.scope ->> 'source' AND t.tenant_id = b.scope ->> 'tenant_id'
          AND :'tenant'::text IN (t.tenant_id, t.name)))
ORDER BY b.scope_value, b.as_of DESC, b.period_start DESC
LIMIT 2
