-- Attributes each staged event: its project, its environment, its day in the tenant's zone and, for calls by the API, its
-- key. Reads stage_event, usage.project, usage.tenant, usage.api_key, usage.api_key_use, usage.run_ledger,
-- usage.usage_event by primary key. Writes stage_event and the temporary table staged_call. Safe to run twice.
-- :nested is 'child' (a workflow called as a tool is booked to its own project) or 'caller' (to the topmost one).
-- :key_rules is a JSON list in order: [{"project": LIKE pattern, "caller": LIKE pattern, "api_key": name, id or masked}].
-- The ways to tell a key, the surest first (docs/counting.md holds the proofs):
--   exact     the source itself recorded it;
--   sole      the project had one key at the call's begin;
--   observed  of several keys only one was seen used around it;
--   declared  a rule of the configuration says so;
--   shared    none of these: no key is named.
UPDATE stage_event e
SET logged_app_id = e.app_id, app_id = l.calling_app_id
FROM usage.run_ledger l
WHERE :'nested' = 'caller' AND l.source = :'source' AND l.run_id = e.run_id AND l.calling_app_id <> e.app_id;

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

-- What the source recorded once stays known when it no longer says so.
UPDATE stage_event s SET logged_api_key_id = e.logged_api_key_id
FROM usage.usage_event e
WHERE s.caller_kind = 'api' AND s.logged_api_key_id IS NULL
  AND e.source = :'source' AND e.event_id = s.event_id AND e.logged_api_key_id IS NOT NULL;

-- The keys that may have been alive when a call began. Times of creation are rounded to the second; the application's
-- clock may be five minutes ahead of the one that a key's end was read on.
INSERT INTO staged_call
WITH call AS (
    SELECT DISTINCT coalesce(s.logged_app_id, s.app_id) AS app_id, coalesce(l.created_at, s.occurred_at) AS called_at
    FROM stage_event s
    LEFT JOIN usage.run_ledger l ON l.source = :'source' AND l.run_id = s.run_id
    -- A log shows only the keys that it names: that one was seen does not make it the only one.
    WHERE s.caller_kind = 'api' AND s.logged_api_key_id IS NULL AND s.app_mode IS DISTINCT FROM 'log'
), alive AS (
    SELECT c.app_id, c.called_at, k.api_key_id, count(*) OVER (PARTITION BY c.app_id, c.called_at) AS keys
    FROM call c
    JOIN usage.api_key k ON k.source = :'source' AND k.app_id = c.app_id
                        AND k.created_at <= c.called_at + interval '1 second'
                        AND (k.gone_at IS NULL OR k.gone_at + interval '5 minutes' > c.called_at)
)
SELECT a.app_id, a.called_at,
       CASE WHEN max(a.keys) = 1 THEN min(a.api_key_id) END,
       -- Each key was looked at afterwards, and one alone had been used since shortly before the call.
       CASE WHEN bool_and(look.taken IS NOT NULL) AND count(*) FILTER (WHERE look.used) = 1
            THEN min(a.api_key_id) FILTER (WHERE look.used) END
FROM alive a
LEFT JOIN LATERAL (
    SELECT true AS taken, u.last_used_at >= a.called_at - interval '7 minutes' AS used
    FROM usage.api_key_use u
    WHERE a.keys > 1 AND u.source = :'source' AND u.api_key_id = a.api_key_id
      AND u.seen_until >= a.called_at + interval '2 minutes'
      AND (u.prompt
           OR (u.seen_until >= a.called_at + interval '60 minutes'
               -- Written in batches: one that was written after the call must have been seen by then.
               AND u.seen_until >= (SELECT min(f.seen_from) FROM usage.api_key_use f
                                    WHERE f.source = :'source'
                                      AND f.last_used_at >= a.called_at + interval '7 minutes')))
    ORDER BY u.seen_until
    LIMIT 1
) AS look ON true
GROUP BY a.app_id, a.called_at;

UPDATE stage_event e
SET api_key_id = coalesce(s.logged_api_key_id, known.sole, known.observed, declared.api_key),
    key_attribution = CASE WHEN s.logged_api_key_id IS NOT NULL THEN 'exact'
                           WHEN known.sole IS NOT NULL THEN 'sole'
                           WHEN known.observed IS NOT NULL THEN 'observed'
                           WHEN declared.api_key IS NOT NULL THEN 'declared'
                           ELSE 'shared' END
FROM stage_event s
LEFT JOIN usage.run_ledger l ON l.source = :'source' AND l.run_id = s.run_id
LEFT JOIN staged_call known ON known.app_id = coalesce(s.logged_app_id, s.app_id)
                           AND known.called_at = coalesce(l.created_at, s.occurred_at)
LEFT JOIN LATERAL (
    SELECT coalesce(
               (SELECT k.api_key_id FROM usage.api_key k
                WHERE k.source = :'source' AND k.app_id = s.app_id
                  AND rule.json ->> 'api_key' IN (k.api_key_id, k.masked, k.name)
                ORDER BY k.api_key_id
                LIMIT 1),
               rule.json ->> 'api_key') AS api_key
    FROM jsonb_array_elements(:'key_rules'::jsonb) WITH ORDINALITY AS rule (json, position)
    JOIN usage.project p ON p.source = :'source' AND p.app_id = s.app_id
    WHERE p.name LIKE rule.json ->> 'project' AND coalesce(s.caller_id, '') LIKE rule.json ->> 'caller'
    ORDER BY rule.position
    LIMIT 1
) AS declared ON true
WHERE e.event_id = s.event_id AND s.caller_kind = 'api' AND s.key_attribution IS NULL;
