-- Sets every known workspace's zone, every known project's environment and every known API key's name, as the
-- configuration says; those that the source no longer lists too.
-- Reads nothing else. Writes usage.tenant, usage.project, usage.api_key. Safe to run twice.
-- :zones and :environments are JSON objects: tenant_id -> zone, app_id -> environment. :key_names is a JSON list in order:
-- [{"key": id or masked, "name": name}].
UPDATE usage.tenant t SET timezone = z.value
FROM jsonb_each_text(:'zones'::jsonb) AS z
WHERE t.source = :'source' AND t.tenant_id = z.key AND t.timezone <> z.value;

UPDATE usage.project p SET environment = e.value
FROM jsonb_each_text(:'environments'::jsonb) AS e
WHERE p.source = :'source' AND p.app_id = e.key AND p.environment <> e.value;

UPDATE usage.api_key k SET name = named.name
FROM (
    SELECT a.api_key_id,
           (SELECT n.json ->> 'name' FROM jsonb_array_elements(:'key_names'::jsonb) WITH ORDINALITY AS n (json, position)
            WHERE n.json ->> 'key' IN (a.api_key_id, a.masked) ORDER BY n.position LIMIT 1) AS name
    FROM usage.api_key a WHERE a.source = :'source'
) AS named
WHERE k.source = :'source' AND k.api_key_id = named.api_key_id AND k.name IS DISTINCT FROM named.name;
