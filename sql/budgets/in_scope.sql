-- A fragment: the rows of :relation (usage.daily_usage or usage.usage_event, as d) that a budget's scope takes in, with
-- the names of their tenant (t), project (p) and key (k), the budget's value they belong to (v) and the period (cut). Null lists take in everything; lists hold LIKE patterns.
FROM :relation d
LEFT JOIN usage.tenant t ON t.source = d.source AND t.tenant_id = d.tenant_id
LEFT JOIN usage.project p ON p.source = d.source AND p.app_id = d.app_id
LEFT JOIN usage.api_key k ON k.source = d.source AND k.api_key_id = d.api_key_id
CROSS JOIN LATERAL (
    SELECT :scope_value AS scope_value,
           CASE :'per'
               WHEN '' THEN ''
               WHEN 'tenant' THEN coalesce(t.name, d.tenant_id)
               WHEN 'environment' THEN d.environment
               WHEN 'project' THEN coalesce(p.name, d.app_id)
               WHEN 'api_key' THEN coalesce(p.name, d.app_id) || ' / ' || coalesce(k.name, k.masked, d.api_key_id)
               WHEN 'caller' THEN d.caller_id
               WHEN 'provider' THEN d.provider
               WHEN 'model' THEN d.model
           END AS scope_name,
           CASE :'per'
               WHEN 'tenant' THEN jsonb_build_object('source', d.source, 'tenant_id', d.tenant_id)
               WHEN 'environment' THEN jsonb_build_object('environment', d.environment)
               WHEN 'project' THEN jsonb_build_object('source', d.source, 'tenant_id', d.tenant_id,
                                                      'app_id', d.app_id)
               WHEN 'api_key' THEN jsonb_build_object('source', d.source, 'tenant_id', d.tenant_id,
                                                      'app_id', d.app_id, 'api_key_id', d.api_key_id)
               WHEN 'caller' THEN jsonb_build_object('source', d.source, 'tenant_id', d.tenant_id,
                                                     'caller_kind', d.caller_kind, 'caller_id', d.caller_id)
               WHEN 'provider' THEN jsonb_build_object('provider', d.provider)
               WHEN 'model' THEN jsonb_build_object('model', d.model)
               ELSE '{}'::jsonb
           END AS scope
) AS v
CROSS JOIN LATERAL (
    SELECT z.zone, z.first_day, (z.first_day + (CASE :'period' WHEN 'quarter' THEN interval '3 months'
                                                ELSE ('1 ' || :'period')::interval END))::date AS end_day
    FROM (
        SELECT y.zone, date_trunc(:'period', :'as_of'::timestamptz AT TIME ZONE y.zone)::date AS first_day
        FROM (SELECT CASE WHEN :'per' IN ('tenant', 'project', 'api_key', 'caller')
                          THEN coalesce(t.timezone, :'zone') ELSE :'zone' END AS zone) AS y
    ) AS z
) AS cut
WHERE (:'tenants'::text[] IS NULL OR coalesce(t.name, '') LIKE ANY (:'tenants'::text[])
       OR d.tenant_id LIKE ANY (:'tenants'::text[]))
  AND (:'environments'::text[] IS NULL OR d.environment LIKE ANY (:'environments'::text[]))
  AND (:'projects'::text[] IS NULL OR coalesce(p.name, '') LIKE ANY (:'projects'::text[])
       OR d.app_id LIKE ANY (:'projects'::text[]))
  AND (:'api_keys'::text[] IS NULL OR d.api_key_id LIKE ANY (:'api_keys'::text[])
       OR k.masked LIKE ANY (:'api_keys'::text[]) OR k.name LIKE ANY (:'api_keys'::text[]))
  AND (:'callers'::text[] IS NULL OR d.caller_id LIKE ANY (:'callers'::text[]))
  AND (:'providers'::text[] IS NULL OR d.provider LIKE ANY (:'providers'::text[]))
  AND (:'models'::text[] IS NULL OR d.model LIKE ANY (:'models'::text[]))
