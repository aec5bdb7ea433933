-- Stages events of the ledger once more, as the source logged them, so that they are attributed, priced and merged by
-- the same statements as new ones. What was booked is left out, what was logged is kept.
-- Reads restaged (event ids), gone_event, usage.usage_event by primary key. Writes stage_event and known_event; an event
-- staged already stays as it is, one that must go is left out. Safe to run twice.
WITH again AS MATERIALIZED (
    SELECT e.*
    FROM (SELECT DISTINCT event_id FROM restaged) AS r
    CROSS JOIN LATERAL (
        SELECT k.* FROM usage.usage_event k WHERE k.source = :'source' AND k.event_id = r.event_id OFFSET 0
    ) AS e
    -- Mostly there are none: the staged events are not even looked at then.
    WHERE (SELECT EXISTS (SELECT FROM restaged))
      AND NOT EXISTS (SELECT FROM stage_event s WHERE s.event_id = r.event_id)
      AND NOT EXISTS (SELECT FROM gone_event g WHERE g.event_id = r.event_id)
), known AS (
    INSERT INTO known_event
    SELECT a.event_id, a.usage_date, a.total_tokens, a.logged_api_key_id, a.caller_kind, a.caller_id, a.provider, a.model
    FROM again a
    ON CONFLICT DO NOTHING
)
INSERT INTO stage_event (
    event_id, tenant_id, app_id, app_mode, run_id, node_id, node_type, node_title, caller_kind, caller_id, provider,
    model, input_tokens, output_tokens, total_tokens, logged_cost, logged_currency, logged_api_key_id, basis, status,
    occurred_at
)
SELECT e.event_id, e.tenant_id, coalesce(e.logged_app_id, e.app_id), e.app_mode, e.run_id, e.node_id, e.node_type,
       e.node_title, e.caller_kind, e.caller_id, e.provider, e.model, e.input_tokens, e.output_tokens, e.total_tokens,
       e.logged_cost, e.logged_currency, e.logged_api_key_id, e.basis, e.status, e.occurred_at
FROM again e
