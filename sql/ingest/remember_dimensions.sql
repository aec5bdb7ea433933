-- Keeps what a source says of its workspaces, projects and API keys; what it no longer lists stays, marked as gone.
-- Reads stage_tenant, stage_project, stage_api_key, stage_workflow_tool. Writes usage.tenant, usage.project,
-- usage.api_key, usage.api_key_use, usage.workflow_tool.
-- Safe to run twice: rows change only where the source's words changed (usage.api_key_use notes each look).
-- What the configuration says of them (zone, environment, name) is set by apply_configuration.sql, which runs next.
-- :seen_at lies before the source was asked, :now after it: a key missing from the list was deleted before :now.
-- A key's time that makes no sense is taken as unknown: it was there since ever, or never used.
UPDATE stage_api_key
SET created_at = CASE WHEN usage.can_be_time(created_at, :'now'::timestamptz) THEN created_at
                      WHEN created_at > :'now'::timestamptz THEN :'seen_at'::timestamptz ELSE '2000-01-01 00:00:00+00' END,
    last_used_at = CASE WHEN usage.can_be_time(last_used_at, :'now'::timestamptz) THEN last_used_at END
WHERE NOT usage.can_be_time(created_at, :'now'::timestamptz) OR NOT usage.can_be_time(last_used_at, :'now'::timestamptz);

INSERT INTO usage.tenant AS known (source, tenant_id, name, timezone)
SELECT :'source', s.tenant_id, coalesce(s.name, s.tenant_id), :'zone'
FROM stage_tenant s
ON CONFLICT (source, tenant_id) DO UPDATE
SET name = excluded.name, gone_at = NULL
WHERE (known.name, known.gone_at) IS DISTINCT FROM (excluded.name, NULL);

INSERT INTO usage.project AS known (source, app_id, tenant_id, name, mode, tags, environment)
SELECT :'source', s.app_id, coalesce(s.tenant_id, 'unknown'), coalesce(s.name, s.app_id), coalesce(s.mode, 'unknown'), s.tags, :'default_environment'
FROM stage_project s
ON CONFLICT (source, app_id) DO UPDATE
SET name = excluded.name, mode = excluded.mode, tags = excluded.tags, tenant_id = excluded.tenant_id, gone_at = NULL
WHERE (known.name, known.mode, known.tags, known.tenant_id, known.gone_at)
      IS DISTINCT FROM
      (excluded.name, excluded.mode, excluded.tags, excluded.tenant_id, NULL);

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
WHERE p.source = :'source' AND p.gone_at IS NULL AND p.mode NOT IN ('tools', 'datasets')
  AND NOT EXISTS (SELECT FROM stage_project s WHERE s.app_id = p.app_id);

UPDATE usage.api_key k SET gone_at = :'now'::timestamptz
WHERE k.source = :'source' AND k.gone_at IS NULL
  AND NOT EXISTS (SELECT FROM stage_api_key s WHERE s.api_key_id = k.api_key_id);

UPDATE usage.api_key_use u SET seen_until = :'seen_at'::timestamptz
FROM stage_api_key s
WHERE u.source = :'source' AND u.api_key_id = s.api_key_id AND u.seen_until < :'seen_at'::timestamptz
  AND u.last_used_at IS NOT DISTINCT FROM s.last_used_at AND u.prompt = s.prompt
  AND u.seen_from = (SELECT max(x.seen_from) FROM usage.api_key_use x
                     WHERE x.source = :'source' AND x.api_key_id = s.api_key_id);

INSERT INTO usage.api_key_use (source, api_key_id, last_used_at, prompt, seen_from, seen_until)
SELECT :'source', s.api_key_id, s.last_used_at, s.prompt, :'seen_at'::timestamptz, :'seen_at'::timestamptz
FROM stage_api_key s
LEFT JOIN LATERAL (
    SELECT x.last_used_at, x.prompt, true AS known FROM usage.api_key_use x
    WHERE x.source = :'source' AND x.api_key_id = s.api_key_id ORDER BY x.seen_from DESC LIMIT 1
) AS newest ON true
WHERE s.prompt IS NOT NULL
  AND (newest.known IS NULL OR (newest.last_used_at, newest.prompt) IS DISTINCT FROM (s.last_used_at, s.prompt))
ON CONFLICT (source, api_key_id, seen_from) DO NOTHING;

INSERT INTO usage.workflow_tool AS known (source, provider_id, app_id)
SELECT :'source', s.provider_id, s.app_id FROM stage_workflow_tool s
ON CONFLICT (source, provider_id) DO UPDATE SET app_id = excluded.app_id WHERE known.app_id <> excluded.app_id;
