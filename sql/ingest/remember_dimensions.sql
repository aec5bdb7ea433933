-- Keeps what a source says of its workspaces, projects and API keys; what it no longer lists stays, marked as gone.
-- Reads stage_tenant, stage_project, stage_api_key. Writes usage.tenant, usage.project, usage.api_key.
-- Safe to run twice: rows change only where the source's words changed.
-- :environments and :zones are JSON objects made from the configuration: app_id -> environment, tenant_id -> zone.
INSERT INTO usage.tenant AS known (source, tenant_id, name, timezone)
SELECT :'source', s.tenant_id, s.name, coalesce(:'zones'::jsonb ->> s.tenant_id, :'zone')
FROM stage_tenant s
ON CONFLICT (source, tenant_id) DO UPDATE
SET name = excluded.name, timezone = excluded.timezone, gone_at = NULL
WHERE (known.name, known.timezone, known.gone_at) IS DISTINCT FROM (excluded.name, excluded.timezone, NULL);

INSERT INTO usage.project AS known (source, app_id, tenant_id, name, mode, tags, environment)
SELECT :'source', s.app_id, s.tenant_id, s.name, s.mode, s.tags, :'environments'::jsonb ->> s.app_id
FROM stage_project s
ON CONFLICT (source, app_id) DO UPDATE
SET name = excluded.name, mode = excluded.mode, tags = excluded.tags, environment = excluded.environment,
    tenant_id = excluded.tenant_id, gone_at = NULL
WHERE (known.name, known.mode, known.tags, known.environment, known.tenant_id, known.gone_at)
      IS DISTINCT FROM
      (excluded.name, excluded.mode, excluded.tags, excluded.environment, excluded.tenant_id, NULL);

INSERT INTO usage.api_key AS known (source, api_key_id, app_id, tenant_id, masked, created_at, last_used_at)
SELECT :'source', s.api_key_id, s.app_id, s.tenant_id, s.masked, s.created_at, s.last_used_at
FROM stage_api_key s
ON CONFLICT (source, api_key_id) DO UPDATE
SET masked = excluded.masked, last_used_at = excluded.last_used_at, created_at = excluded.created_at, gone_at = NULL
WHERE (known.masked, known.last_used_at, known.created_at, known.gone_at)
      IS DISTINCT FROM (excluded.masked, excluded.last_used_at, excluded.created_at, NULL);

UPDATE usage.tenant t SET gone_at = :'now'::timestamptz
WHERE t.source = :'source' AND t.gone_at IS NULL
  AND NOT EXISTS (SELECT FROM stage_tenant s WHERE s.tenant_id = t.tenant_id);

UPDATE usage.project p SET gone_at = :'now'::timestamptz
WHERE p.source = :'source' AND p.gone_at IS NULL AND p.mode <> 'tools'
  AND NOT EXISTS (SELECT FROM stage_project s WHERE s.app_id = p.app_id);

UPDATE usage.api_key k SET gone_at = :'now'::timestamptz
WHERE k.source = :'source' AND k.gone_at IS NULL
  AND NOT EXISTS (SELECT FROM stage_api_key s WHERE s.api_key_id = k.api_key_id);
