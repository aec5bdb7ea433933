-- The workspaces, projects and keys of a completion log: those seen before and those in the staged rows. A log lists
-- none, so one that stopped appearing is not gone. Reads usage.tenant, usage.project, usage.api_key, stage_log. Writes
-- stage_tenant, stage_project, stage_api_key. Safe to run twice in a transaction: each is emptied first.
DELETE FROM stage_tenant;
DELETE FROM stage_project;
DELETE FROM stage_api_key;

INSERT INTO stage_tenant (tenant_id, name)
SELECT t.tenant_id, t.name FROM usage.tenant t WHERE t.source = :'source'
UNION
SELECT l.tenant, l.tenant FROM stage_log l;

INSERT INTO stage_project (app_id, tenant_id, name, mode, tags)
SELECT DISTINCT ON (seen.app_id) seen.app_id, seen.tenant_id, seen.name, 'log', '{}'::text[]
FROM (
    SELECT p.app_id, p.tenant_id, p.name, p.first_seen_at AS at FROM usage.project p WHERE p.source = :'source'
    UNION ALL
    SELECT l.app, l.tenant, l.app_name, l.created_at FROM stage_log l
) AS seen
ORDER BY seen.app_id, seen.at;

INSERT INTO stage_api_key (api_key_id, app_id, tenant_id, masked, created_at, last_used_at)
SELECT seen.id, (array_agg(seen.app ORDER BY seen.first))[1], (array_agg(seen.tenant ORDER BY seen.first))[1],
       (array_agg(seen.masked ORDER BY seen.last DESC))[1], min(seen.first), max(seen.last)
FROM (
    SELECT k.api_key_id AS id, k.app_id AS app, k.tenant_id AS tenant, k.masked, k.created_at AS first,
           coalesce(k.last_used_at, k.created_at) AS last
    FROM usage.api_key k WHERE k.source = :'source'
    UNION ALL
    SELECT l.key_id, l.app, l.tenant, l.key_shown, l.created_at, l.created_at
    FROM stage_log l WHERE l.key_id IS NOT NULL AND l.created_at IS NOT NULL
) AS seen
GROUP BY seen.id;
