-- A digest of what the warehouse knows that decides how a source's rows are counted: zones, projects, keys, tools.
-- Reads usage.tenant, usage.project, usage.api_key, usage.workflow_tool. Writes nothing.
SELECT md5(concat_ws(
    '#',
    (SELECT string_agg(concat_ws('|', t.tenant_id, t.timezone), ',' ORDER BY t.tenant_id)
     FROM usage.tenant t WHERE t.source = :'source'),
    (SELECT string_agg(concat_ws('|', p.app_id, p.tenant_id, p.name, p.mode, p.environment), ',' ORDER BY p.app_id)
     FROM usage.project p WHERE p.source = :'source'),
    (SELECT string_agg(concat_ws('|', k.api_key_id, k.app_id, k.name, k.masked, k.created_at, k.gone_at), ','
                       ORDER BY k.api_key_id)
     FROM usage.api_key k WHERE k.source = :'source'),
    (SELECT string_agg(w::text, ',' ORDER BY w::text) FROM usage.workflow_tool w WHERE w.source = :'source')
))
