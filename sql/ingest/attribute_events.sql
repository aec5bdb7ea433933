-- Attributes each staged event: its project, its environment, its day in the tenant's zone and, for calls by the API, its
-- key. Reads stage_event, known_event, usage.project, usage.tenant, usage.api_key, usage.api_key_use, usage.run_ledger by
-- primary key. Writes stage_event, each row once, and the temporary tables key_period and staged_call.
-- :nested is 'child' (a workflow called as a tool is booked to its own project) or 'caller' (to the topmost one).
-- :key_rules is a JSON list in order: [{"project": LIKE pattern, "caller": LIKE pattern, "api_key": name, id or masked}].
-- The ways to tell a key, the surest first (docs/counting.md holds the proofs):
--   exact     the source itself recorded it;
--   sole      the project had one key at the call's begin;
--   observed  of several keys only one was seen used around it;
--   declared  a rule of the configuration says so;
--   shared    none of these: no key is named.
-- What the source recorded once of a key stays known when it no longer says so.
-- OFFSET 0 keeps a look-up by key what it is: statistics of tables that have just been filled mislead the planner.
DELETE FROM key_period;

DELETE FROM staged_call;

-- Which keys may have been alive, from one change to the next. Times of creation are rounded to the second; the
-- application's clock may be five minutes ahead of the one that a key's end was read on.
INSERT INTO key_period
WITH alive AS (
    SELECT k.app_id, k.api_key_id, k.created_at - interval '1 second' AS since, k.gone_at + interval '5 minutes' AS until
    FROM usage.api_key k
    -- A log shows only the keys that it names: that one was seen does not make it the only one.
    WHERE k.source = :'source'
      AND k.app_id IN (SELECT coalesce(s.logged_app_id, s.app_id) FROM stage_event s
                       WHERE s.caller_kind = 'api' AND s.logged_api_key_id IS NULL AND s.app_mode IS DISTINCT FROM 'log')
), change AS (
    SELECT app_id, since AS at FROM alive UNION SELECT app_id, until FROM alive WHERE until IS NOT NULL
), period AS (
    SELECT app_id, at AS since, coalesce(lead(at) OVER (PARTITION BY app_id ORDER BY at), 'infinity') AS until FROM change
)
SELECT p.app_id, p.since, p.until, count(*), CASE WHEN count(*) = 1 THEN min(a.api_key_id) END
FROM period p
JOIN alive a ON a.app_id = p.app_id AND a.since <= p.since AND (a.until IS NULL OR a.until > p.since)
GROUP BY p.app_id, p.since, p.until;

-- Of several keys: each was looked at after the call, and one alone had been used since shortly before it.
INSERT INTO staged_call
WITH call AS (
    SELECT DISTINCT p.app_id, begun.at AS called_at, p.since
    FROM stage_event s
    LEFT JOIN LATERAL (
        SELECT l.created_at FROM usage.run_ledger l WHERE l.source = :'source' AND l.run_id = s.run_id OFFSET 0
    ) AS run ON s.run_id IS NOT NULL
    CROSS JOIN LATERAL (SELECT coalesce(run.created_at, s.occurred_at) AS at) AS begun
    JOIN key_period p ON p.app_id = coalesce(s.logged_app_id, s.app_id) AND p.since <= begun.at AND begun.at < p.until
    WHERE p.keys > 1 AND s.caller_kind = 'api' AND s.logged_api_key_id IS NULL AND s.app_mode IS DISTINCT FROM 'log'
)
SELECT c.app_id, c.called_at,
       CASE WHEN bool_and(look.taken IS NOT NULL) AND count(*) FILTER (WHERE look.used) = 1
            THEN min(k.api_key_id) FILTER (WHERE look.used) END
FROM call c
JOIN usage.api_key k ON k.source = :'source' AND k.app_id = c.app_id
                    AND k.created_at <= c.called_at + interval '1 second'
                    AND (k.gone_at IS NULL OR k.gone_at + interval '5 minutes' > c.called_at)
LEFT JOIN LATERAL (
    SELECT true AS taken, u.last_used_at >= c.called_at - interval '7 minutes' AS used
    FROM usage.api_key_use u
    WHERE u.source = :'source' AND u.api_key_id = k.api_key_id
      AND u.seen_until >= c.called_at + interval '2 minutes'
      AND (u.prompt
           OR (u.seen_until >= c.called_at + interval '60 minutes'
               -- Written in batches: one that was written after the call must have been seen by then.
               AND u.seen_until >= (SELECT min(f.seen_from) FROM usage.api_key_use f
                                    WHERE f.source = :'source'
                                      AND f.last_used_at >= c.called_at + interval '7 minutes')))
    ORDER BY u.seen_until
    LIMIT 1
) AS look ON true
GROUP BY c.app_id, c.called_at;

UPDATE stage_event e
SET app_id = a.app_id,
    logged_app_id = nullif(a.ran, a.app_id),
    environment = a.environment,
    usage_date = a.usage_date,
    logged_api_key_id = a.logged_api_key_id,
    api_key_id = CASE WHEN e.caller_kind = 'api'
                      THEN coalesce(e.api_key_id, a.logged_api_key_id, a.sole, a.observed, a.declared) ELSE e.api_key_id END,
    key_attribution = CASE WHEN e.key_attribution IS NOT NULL THEN e.key_attribution
                           WHEN e.caller_kind IS DISTINCT FROM 'api' THEN 'none'
                           WHEN a.logged_api_key_id IS NOT NULL THEN 'exact'
                           WHEN a.sole IS NOT NULL THEN 'sole'
                           WHEN a.observed IS NOT NULL THEN 'observed'
                           WHEN a.declared IS NOT NULL THEN 'declared'
                           ELSE 'shared' END
FROM (
    SELECT s.ctid AS row, call.ran, call.app_id, coalesce(p.environment, :'default_environment') AS environment,
           (s.occurred_at AT TIME ZONE coalesce(t.timezone, :'zone'))::date AS usage_date,
           recorded.api_key_id AS logged_api_key_id, period.sole, several.observed, declared.api_key AS declared
    FROM stage_event s
    LEFT JOIN LATERAL (
        SELECT l.created_at, l.calling_app_id FROM usage.run_ledger l
        WHERE l.source = :'source' AND l.run_id = s.run_id
        OFFSET 0
    ) AS run ON s.run_id IS NOT NULL
    CROSS JOIN LATERAL (
        SELECT coalesce(s.logged_app_id, s.app_id) AS ran,
               coalesce(CASE WHEN :'nested' = 'caller' THEN run.calling_app_id END, s.logged_app_id, s.app_id) AS app_id,
               coalesce(run.created_at, s.occurred_at) AS begun_at
    ) AS call
    LEFT JOIN usage.project p ON p.source = :'source' AND p.app_id = call.app_id
    LEFT JOIN usage.tenant t ON t.source = :'source' AND t.tenant_id = s.tenant_id
    LEFT JOIN known_event known ON known.event_id = s.event_id AND s.caller_kind = 'api'
    CROSS JOIN LATERAL (
        SELECT CASE WHEN s.caller_kind = 'api' THEN coalesce(s.logged_api_key_id, known.logged_api_key_id)
                    ELSE s.logged_api_key_id END AS api_key_id
    ) AS recorded
    LEFT JOIN LATERAL (
        SELECT k.sole, k.until FROM key_period k
        WHERE k.app_id = call.ran AND k.since <= call.begun_at
        ORDER BY k.since DESC
        LIMIT 1
    ) AS period ON s.caller_kind = 'api' AND recorded.api_key_id IS NULL AND s.app_mode IS DISTINCT FROM 'log'
               AND call.begun_at < period.until
    LEFT JOIN staged_call several ON several.app_id = call.ran AND several.called_at = call.begun_at
                                 AND s.caller_kind = 'api' AND recorded.api_key_id IS NULL
    LEFT JOIN LATERAL (
        SELECT coalesce(
                   (SELECT k.api_key_id FROM usage.api_key k
                    WHERE k.source = :'source' AND k.app_id = call.app_id
                      AND rule.json ->> 'api_key' IN (k.api_key_id, k.masked, k.name)
                    ORDER BY k.api_key_id
                    LIMIT 1),
                   rule.json ->> 'api_key') AS api_key
        FROM jsonb_array_elements(:'key_rules'::jsonb) WITH ORDINALITY AS rule (json, position)
        WHERE p.name LIKE rule.json ->> 'project' AND coalesce(s.caller_id, '') LIKE rule.json ->> 'caller'
        ORDER BY rule.position
        LIMIT 1
    ) AS declared ON s.caller_kind = 'api'
) AS a
WHERE e.ctid = a.row;
