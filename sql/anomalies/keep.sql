-- Keeps one value whose usage was far above its usual; returns its rule when it is new. Writes usage.anomaly.
-- Safe to run twice: a rule, value and window is kept once.
INSERT INTO usage.anomaly (
    rule_id, value, window_start, window_end, name, measure, amount, usual, spread, score, known, found_at, config_version
)
VALUES (:'rule_id', :'value', :'window_start'::timestamptz, :'window_end'::timestamptz, :'name', :'measure',
        :'amount'::numeric, :'usual'::numeric, :'spread'::numeric, :'score'::numeric, :'known'::integer,
        :'now'::timestamptz, :'config_version'::bigint)
ON CONFLICT DO NOTHING
RETURNING rule_id
