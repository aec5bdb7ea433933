-- Gives each staged event its environment, its day in the tenant's zone and, for calls through the API, its key.
-- Reads stage_event, usage.project, usage.tenant, usage.api_key. Writes stage_event.
-- A key is told when it is certain (sole: the only one alive at that moment) or declared by a rule of the
-- configuration; with several keys alive it is shared, and no key is named. What the source itself names is exact and
-- stays; a log shows only the keys that it names, so none of them is the sole one. :key_rules is a JSON list in order:
-- [{"project": LIKE pattern, "caller": LIKE pattern, "api_key": name or id}].
UPDATE stage_event e
SET environment = coalesce(p.environment, :'default_environment'),
    usage_date = (e.occurred_at AT TIME ZONE coalesce(t.timezone, :'zone'))::date
FROM (
    SELECT DISTINCT app_id, tenant_id FROM stage_event
) AS seen
LEFT JOIN usage.project p ON p.source = :'source' AND p.app_id = seen.app_id
LEFT JOIN usage.tenant t ON t.source = :'source' AND t.tenant_id = seen.tenant_id
WHERE e.app_id = seen.app_id AND e.tenant_id = seen.tenant_id;

UPDATE stage_event SET key_attribution = 'none' WHERE caller_kind <> 'api' AND key_attribution IS NULL;

UPDATE stage_event e
SET api_key_id = coalesce(alive.sole, declared.api_key),
    key_attribution = CASE WHEN alive.sole IS NOT NULL THEN 'sole'
                           WHEN declared.api_key IS NOT NULL THEN 'declared'
                           ELSE 'shared' END
FROM stage_event s
CROSS JOIN LATERAL (
    SELECT CASE WHEN count(*) = 1 THEN min(k.api_key_id) END AS sole
    FROM usage.api_key k
    WHERE k.source = :'source' AND k.app_id = s.app_id
      AND k.created_at <= s.occurred_at AND (k.gone_at IS NULL OR k.gone_at > s.occurred_at)
      AND s.app_mode IS DISTINCT FROM 'log'
) AS alive
LEFT JOIN LATERAL (
    SELECT coalesce(
               (SELECT k.api_key_id FROM usage.api_key k
                WHERE k.source = :'source' AND k.app_id = s.app_id AND rule.json ->> 'api_key' IN (k.api_key_id, k.masked)
                LIMIT 1),
               rule.json ->> 'api_key') AS api_key
    FROM jsonb_array_elements(:'key_rules'::jsonb) WITH ORDINALITY AS rule (json, position)
    JOIN usage.project p ON p.source = :'source' AND p.app_id = s.app_id
    WHERE p.name LIKE rule.json ->> 'project' AND coalesce(s.caller_id, '') LIKE rule.json ->> 'caller'
    ORDER BY rule.position
    LIMIT 1
) AS declared ON true
WHERE e.event_id = s.event_id AND s.caller_kind = 'api' AND s.key_attribution IS NULL;
