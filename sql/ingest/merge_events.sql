-- Merges the staged events into the ledger: each event stands in it once, whatever is read again.
-- Reads stage_event, known_event, gone_event, usage.tenant, usage.rolled_day. Writes usage.usage_event and, for each day
-- whose events changed, usage.changed_day; of a day that was rolled up, and where few changed, what did (usage.usage_change),
-- so that it need not be made again from all its events. The caller holds the source's lock: nobody else writes events of it.
-- Each event is sealed (usage.seal_of): reconciliation knows by it what a pass wrote from what another hand did.
-- Safe to run twice: an event that says what the ledger says changes nothing. What the source deleted is not touched.
-- Rows of the ledger are looked up by key, however little the planner knows of the temporary tables: never read whole.
DELETE FROM new_events;

DELETE FROM event_change;

INSERT INTO new_events SELECT (SELECT count(*) FROM stage_event) - (SELECT count(*) FROM known_event);

SET LOCAL enable_hashjoin = off;

SET LOCAL enable_mergejoin = off;

WITH gone AS (
    DELETE FROM usage.usage_event e
    USING (
        SELECT DISTINCT known.ctid AS row
        FROM gone_event g
        CROSS JOIN LATERAL (
            SELECT l.ctid FROM usage.usage_event l WHERE l.source = :'source' AND l.event_id = g.event_id OFFSET 0
        ) AS known
    ) AS found
    WHERE e.ctid = found.row
    RETURNING e.*
), noted AS (
    INSERT INTO event_change
    SELECT -1, g.event_id, g.usage_date, g.tenant_id, g.environment, g.app_id, g.api_key_id, g.key_attribution,
           g.caller_kind, g.caller_id, g.provider, g.model, g.currency, g.node_id, g.node_type, g.node_title,
           g.occurred_at, g.basis, g.status, g.input_tokens, g.output_tokens, g.total_tokens, g.cost,
           g.base_cost
    FROM gone g
    WHERE (SELECT number FROM new_events) <= :'few'::bigint
)
INSERT INTO touched_day SELECT usage_date FROM gone;

WITH sealed AS MATERIALIZED (
    SELECT s.*,
           usage.seal_of(:'source', s.event_id, s.tenant_id, s.app_id, s.input_tokens, s.output_tokens, s.total_tokens,
                     s.logged_cost, s.logged_currency, s.cost, s.currency, s.base_cost, s.price_source,
                     s.occurred_at, s.usage_date) AS seal
    FROM stage_event s
    WHERE EXISTS (SELECT FROM known_event k WHERE k.event_id = s.event_id)
), changed AS (
    UPDATE usage.usage_event known
    SET tenant_id = s.tenant_id, environment = s.environment, app_id = s.app_id, app_mode = s.app_mode,
        run_id = s.run_id, node_id = s.node_id, node_type = s.node_type, node_title = s.node_title,
        api_key_id = s.api_key_id, key_attribution = s.key_attribution, caller_kind = s.caller_kind,
        caller_id = s.caller_id, provider = s.provider, model = s.model, input_tokens = s.input_tokens,
        output_tokens = s.output_tokens, total_tokens = s.total_tokens, logged_cost = s.logged_cost,
        logged_currency = s.logged_currency, cost = s.cost, currency = s.currency, base_cost = s.base_cost,
        price_source = s.price_source, basis = s.basis, status = s.status, occurred_at = s.occurred_at,
        usage_date = s.usage_date, logged_app_id = s.logged_app_id, logged_api_key_id = s.logged_api_key_id,
        seal = s.seal, gone_at_source = NULL, ingested_at = now()
    FROM (
        SELECT n.*, k.ctid AS row
        FROM sealed n
        CROSS JOIN LATERAL (
            SELECT l.ctid, l.* FROM usage.usage_event l WHERE l.source = :'source' AND l.event_id = n.event_id OFFSET 0
        ) AS k
        WHERE (k.tenant_id, k.environment, k.app_id, k.app_mode, k.run_id, k.node_id, k.node_type, k.node_title,
               k.api_key_id, k.key_attribution, k.caller_kind, k.caller_id, k.provider, k.model, k.input_tokens,
               k.output_tokens, k.total_tokens, k.logged_cost, k.logged_currency, k.cost, k.currency, k.base_cost,
               k.price_source, k.basis, k.status, k.occurred_at, k.usage_date, k.logged_app_id, k.logged_api_key_id,
               k.seal)
              IS DISTINCT FROM
              (n.tenant_id, n.environment, n.app_id, n.app_mode, n.run_id, n.node_id, n.node_type, n.node_title,
               n.api_key_id, n.key_attribution, n.caller_kind, n.caller_id, n.provider, n.model, n.input_tokens,
               n.output_tokens, n.total_tokens, n.logged_cost, n.logged_currency, n.cost, n.currency, n.base_cost,
               n.price_source, n.basis, n.status, n.occurred_at, n.usage_date, n.logged_app_id, n.logged_api_key_id,
               n.seal)
    ) AS s
    WHERE known.ctid = s.row
    RETURNING known.*
), noted AS (
    INSERT INTO event_change
    SELECT 1, c.event_id, c.usage_date, c.tenant_id, c.environment, c.app_id, c.api_key_id, c.key_attribution,
           c.caller_kind, c.caller_id, c.provider, c.model, c.currency, c.node_id, c.node_type, c.node_title,
           c.occurred_at, c.basis, c.status, c.input_tokens, c.output_tokens, c.total_tokens, c.cost,
           c.base_cost
    FROM changed c
    WHERE (SELECT number FROM new_events) <= :'few'::bigint
    UNION ALL
    -- As it was before this statement.
    SELECT -1, was.event_id, was.usage_date, was.tenant_id, was.environment, was.app_id, was.api_key_id,
           was.key_attribution, was.caller_kind, was.caller_id, was.provider, was.model, was.currency,
           was.node_id, was.node_type, was.node_title, was.occurred_at, was.basis, was.status,
           was.input_tokens, was.output_tokens, was.total_tokens, was.cost, was.base_cost
    FROM changed c
    CROSS JOIN LATERAL (
        SELECT l.* FROM usage.usage_event l WHERE l.source = :'source' AND l.event_id = c.event_id OFFSET 0
    ) AS was
    WHERE (SELECT number FROM new_events) <= :'few'::bigint
)
INSERT INTO touched_day
SELECT usage_date FROM changed
UNION ALL
SELECT k.usage_date FROM changed c JOIN known_event k ON k.event_id = c.event_id AND k.usage_date <> c.usage_date;

SET LOCAL enable_hashjoin = on;

SET LOCAL enable_mergejoin = on;

WITH added AS (
    INSERT INTO usage.usage_event (
        source, event_id, tenant_id, environment, app_id, app_mode, run_id, node_id, node_type, node_title, api_key_id,
        key_attribution, caller_kind, caller_id, provider, model, input_tokens, output_tokens, total_tokens,
        logged_cost, logged_currency, cost, currency, base_cost, price_source, basis, status, occurred_at,
        usage_date, logged_app_id, logged_api_key_id, seal
    )
    SELECT :'source', s.event_id, s.tenant_id, s.environment, s.app_id, s.app_mode, s.run_id, s.node_id, s.node_type,
           s.node_title, s.api_key_id, s.key_attribution, s.caller_kind, s.caller_id, s.provider, s.model, s.input_tokens,
           s.output_tokens, s.total_tokens, s.logged_cost, s.logged_currency, s.cost, s.currency, s.base_cost,
           s.price_source, s.basis, s.status, s.occurred_at, s.usage_date, s.logged_app_id, s.logged_api_key_id,
           usage.seal_of(:'source', s.event_id, s.tenant_id, s.app_id, s.input_tokens, s.output_tokens, s.total_tokens,
                     s.logged_cost, s.logged_currency, s.cost, s.currency, s.base_cost, s.price_source,
                     s.occurred_at, s.usage_date)
    FROM stage_event s
    WHERE NOT EXISTS (SELECT FROM known_event k WHERE k.event_id = s.event_id)
    RETURNING usage_date
)
INSERT INTO touched_day SELECT usage_date FROM added;

INSERT INTO event_change
SELECT 1, s.event_id, s.usage_date, s.tenant_id, s.environment, s.app_id, s.api_key_id, s.key_attribution,
       s.caller_kind, s.caller_id, s.provider, s.model, s.currency, s.node_id, s.node_type, s.node_title,
       s.occurred_at, s.basis, s.status, s.input_tokens, s.output_tokens, s.total_tokens, s.cost,
       s.base_cost
FROM stage_event s
WHERE NOT EXISTS (SELECT FROM known_event k WHERE k.event_id = s.event_id)
  AND (SELECT number FROM new_events) <= :'few'::bigint;

INSERT INTO usage.usage_change
SELECT :'source', c.usage_date, c.tenant_id, c.environment, c.app_id, c.api_key_id, c.key_attribution, c.caller_kind,
       c.caller_id, c.provider, c.model, c.currency, c.node_id, c.node_type, c.node_title,
       extract(hour FROM c.occurred_at AT TIME ZONE coalesce(t.timezone, 'UTC'))::smallint,
       CASE WHEN is_a.call THEN c.sign ELSE 0 END,
       CASE WHEN is_a.call AND c.status = 'failed' THEN c.sign ELSE 0 END,
       CASE WHEN c.basis = 'logged' THEN c.sign * c.input_tokens ELSE 0 END,
       CASE WHEN c.basis = 'logged' THEN c.sign * c.output_tokens ELSE 0 END,
       CASE WHEN c.basis = 'logged' THEN c.sign * c.total_tokens ELSE 0 END,
       CASE WHEN c.basis = 'estimated' THEN c.sign * c.total_tokens ELSE 0 END,
       CASE WHEN c.basis = 'logged' AND c.base_cost IS NULL THEN c.sign * c.total_tokens ELSE 0 END,
       CASE WHEN c.basis = 'logged' THEN c.sign * coalesce(c.cost, 0) ELSE 0 END,
       CASE WHEN c.basis = 'logged' THEN c.sign * coalesce(c.base_cost, 0) ELSE 0 END
FROM event_change c
LEFT JOIN usage.tenant t ON t.source = :'source' AND t.tenant_id = c.tenant_id
CROSS JOIN LATERAL (
    SELECT c.basis = 'logged' AND c.event_id NOT LIKE 'residual:%' AS call
) AS is_a;

INSERT INTO usage.changed_day AS known (source, usage_date, anew)
SELECT DISTINCT :'source', t.usage_date,
       (SELECT number FROM new_events) > :'few'::bigint OR r.usage_date IS NULL
FROM touched_day t
LEFT JOIN usage.rolled_day r USING (usage_date)
-- In one order, as a roll-up takes them: neither waits for the other in a circle.
ORDER BY 2
ON CONFLICT (source, usage_date) DO UPDATE
SET change = known.change + 1, changed_at = now(), anew = known.anew OR excluded.anew;

SELECT count(*) FROM touched_day;
