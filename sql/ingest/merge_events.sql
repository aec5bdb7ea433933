-- Merges the staged events into the ledger: each event stands in it once, whatever is read again.
-- Reads stage_event, gone_event. Writes usage.usage_event and, for each day whose events changed, usage.changed_day.
-- Each event is sealed (usage.seal_of): reconciliation knows by it what a pass wrote from what another hand did.
-- Safe to run twice: an event that says what the ledger says changes nothing. What the source deleted is not touched.
INSERT INTO touched_day
SELECT e.usage_date
FROM usage.usage_event e
JOIN stage_event s ON s.event_id = e.event_id AND s.usage_date <> e.usage_date
WHERE e.source = :'source';

WITH gone AS (
    DELETE FROM usage.usage_event e
    USING gone_event g
    WHERE e.source = :'source' AND e.event_id = g.event_id
    RETURNING e.usage_date
)
INSERT INTO touched_day SELECT usage_date FROM gone;

WITH merged AS (
    INSERT INTO usage.usage_event AS known (
        source, event_id, tenant_id, environment, app_id, app_mode, run_id, node_id, node_type, node_title, api_key_id,
        key_attribution, caller_kind, caller_id, provider, model, input_tokens, output_tokens, total_tokens,
        logged_cost, logged_currency, cost, currency, base_cost, price_source, basis, status, occurred_at, usage_date,
        logged_app_id, logged_api_key_id, seal
    )
    SELECT :'source', s.event_id, s.tenant_id, s.environment, s.app_id, s.app_mode, s.run_id, s.node_id, s.node_type,
           s.node_title, s.api_key_id, s.key_attribution, s.caller_kind, s.caller_id, s.provider, s.model,
           s.input_tokens, s.output_tokens, s.total_tokens, s.logged_cost, s.logged_currency, s.cost, s.currency,
           s.base_cost, s.price_source, s.basis, s.status, s.occurred_at, s.usage_date,
           s.logged_app_id, s.logged_api_key_id,
           usage.seal_of(:'source', s.event_id, s.tenant_id, s.app_id, s.input_tokens, s.output_tokens, s.total_tokens,
                         s.logged_cost, s.logged_currency, s.cost, s.currency, s.base_cost, s.price_source,
                         s.occurred_at, s.usage_date)
    FROM stage_event s
    ON CONFLICT (source, event_id) DO UPDATE
    SET tenant_id = excluded.tenant_id, environment = excluded.environment, app_id = excluded.app_id,
        app_mode = excluded.app_mode, run_id = excluded.run_id, node_id = excluded.node_id,
        node_type = excluded.node_type, node_title = excluded.node_title, api_key_id = excluded.api_key_id,
        key_attribution = excluded.key_attribution, caller_kind = excluded.caller_kind,
        caller_id = excluded.caller_id, provider = excluded.provider, model = excluded.model,
        input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens,
        total_tokens = excluded.total_tokens, logged_cost = excluded.logged_cost,
        logged_currency = excluded.logged_currency, cost = excluded.cost, currency = excluded.currency,
        base_cost = excluded.base_cost, price_source = excluded.price_source, basis = excluded.basis,
        status = excluded.status, occurred_at = excluded.occurred_at, usage_date = excluded.usage_date,
        logged_app_id = excluded.logged_app_id, logged_api_key_id = excluded.logged_api_key_id,
        seal = excluded.seal, gone_at_source = NULL, ingested_at = now()
    WHERE (known.tenant_id, known.environment, known.app_id, known.app_mode, known.run_id, known.node_id,
           known.node_type, known.node_title, known.api_key_id, known.key_attribution, known.caller_kind,
           known.caller_id, known.provider, known.model, known.input_tokens, known.output_tokens,
           known.total_tokens, known.logged_cost, known.logged_currency, known.cost, known.currency,
           known.base_cost, known.price_source, known.basis, known.status, known.occurred_at, known.usage_date,
           known.logged_app_id, known.logged_api_key_id, known.seal)
          IS DISTINCT FROM
          (excluded.tenant_id, excluded.environment, excluded.app_id, excluded.app_mode, excluded.run_id,
           excluded.node_id, excluded.node_type, excluded.node_title, excluded.api_key_id,
           excluded.key_attribution, excluded.caller_kind, excluded.caller_id, excluded.provider, excluded.model,
           excluded.input_tokens, excluded.output_tokens, excluded.total_tokens, excluded.logged_cost,
           excluded.logged_currency, excluded.cost, excluded.currency, excluded.base_cost,
           excluded.price_source, excluded.basis, excluded.status, excluded.occurred_at, excluded.usage_date,
           excluded.logged_app_id, excluded.logged_api_key_id, excluded.seal)
    RETURNING usage_date
)
INSERT INTO touched_day SELECT usage_date FROM merged;

INSERT INTO usage.changed_day AS known (source, usage_date)
SELECT DISTINCT :'source', usage_date FROM touched_day
ON CONFLICT (source, usage_date) DO UPDATE SET change = known.change + 1, changed_at = now();

SELECT count(*) FROM touched_day;
