-- Writes one alert. Writes usage.alert. Safe to run twice: the second time gives no row.
INSERT INTO usage.alert (
    alert_id, kind, budget_id, scope_value, period_start, period_end, tier, level, facts, config_version, tier_on,
    round, created_at
)
VALUES (:'alert_id', :'kind', :'budget_id', :'scope_value', :'period_start'::timestamptz, :'period_end'::timestamptz,
        :'tier'::numeric, :'level', :'facts'::jsonb, :'config_version'::bigint,
        :'tier_on', :'round'::smallint, coalesce(:'at'::timestamptz, now()))
ON CONFLICT DO NOTHING
RETURNING alert_id
