-- Plans one action. Writes usage.enforcement_action; returns no row when it was planned before. Safe to run twice.
INSERT INTO usage.enforcement_action (
    action_id, cause, cause_key, alert_id, budget_id, scope_value, scope_name, rolling, period_start, period_end, tier,
    tier_on, round, level, measure, "limit", action, source, tenant_id, app_id, target_name, place, mode, state,
    recipients, requested_at, requested_by, approve_until, decided_at, decided_by, next_attempt_at, answer,
    config_version
)
VALUES (:'action_id', :'cause', :'cause_key', :'alert_id'::text, :'budget_id', :'scope_value', :'scope_name',
        :'rolling'::boolean, :'period_start'::timestamptz, :'period_end'::timestamptz, :'tier'::numeric, :'tier_on',
        :'round'::smallint, :'level', :'measure', :'limit'::numeric, :'action', :'source', :'tenant_id', :'app_id',
        :'target_name', :'place'::integer, :'mode', :'state', :'recipients'::jsonb, :'now'::timestamptz, :'by',
        :'approve_until'::timestamptz, :'decided_at'::timestamptz, :'decided_by'::text, :'now'::timestamptz,
        :'answer'::text, :'config_version'::bigint)
ON CONFLICT DO NOTHING
RETURNING action_id
