-- Merges the staged events into the ledger: each event stands in it once, whatever is read again.
-- Reads stage_event, known_event, gone_event. Writes usage.usage_event and, for each day whose events changed,
-- usage.changed_day. The caller holds the source's lock: nobody else writes events of it.
-- Each event is sealed (usage.seal_of): reconciliation knows by it what a pass wrote from what another hand did.
-- Safe to run twice: an event that says what the ledger says changes nothing. What the source deleted is not touched.
-- Rows of the ledger are looked up by key, however little the planner knows of the temporary tables: never read whole.
SET LOCAL enable_hashjoin = off;

SET LOCAL enable_mergejoin = off;

WITH gone AS (
    DELETE FROM usage.usage_event e
    USING gone_event g
    WHERE e.source = :'source' AND e.event_id = g.event_id
    RETURNING e.usage_date
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
    FROM sealed s
    WHERE known.source = :'source' AND known.event_id = s.event_id
      AND (known.tenant_id, known.environment, known.app_id, known.app_mode, known.run_id, known.node_id,
           known.node_type, known.node_title, known.api_key_id, known.key_attribution, known.caller_kind,
           known.caller_id, known.provider, known.model, known.input_tokens, known.output_tokens, known.total_tokens,
           known.logged_cost, known.logged_currency, known.cost, known.currency, known.base_cost, known.price_source,
           known.basis, known.status, known.occurred_at, known.usage_date, known.logged_app_id,
           known.logged_api_key_id, known.seal)
          IS DISTINCT FROM
          (s.tenant_id, s.environment, s.app_id, s.app_mode, s.run_id, s.node_id, s.node_type, s.node_title,
           s.api_key_id, s.key_attribution, s.caller_kind, s.caller_id, s.provider, s.model, s.input_tokens,
           s.output_tokens, s.total_tokens, s.logged_cost, s.logged_currency, s.cost, s.currency, s.base_cost,
           s.price_source, s.basis, s.status, s.occurred_at, s.usage_date, s.logged_app_id, s.logged_api_key_id,
           s.seal)
    RETURNING known.event_id, known.usage_date
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

INSERT INTO usage.changed_day AS known (source, usage_date)
SELECT DISTINCT :'source', usage_date FROM touched_day
ON CONFLICT (source, usage_date) DO UPDATE SET change = known.change + 1, changed_at = now();

SELECT count(*) FROM touched_day;
