-- 5,000 values of a budget in the day that is now. Writes usage.config_version, usage.budget_status. For an empty warehouse.
INSERT INTO usage.config_version (hash, path, content, valid, activated_at) VALUES ('h', 'c.yaml', '', true, now());
INSERT INTO usage.budget_status (
    budget_id, scope_value, period_start, period_end, zone, period, scope_name, scope, measure, measures, spent, "limit",
    ratio, level, forecast, as_of, config_version)
SELECT 'each', 'project=main/' || n, date_trunc('day', now()), date_trunc('day', now()) + interval '1 day', 'UTC', 'day',
       'project-' || n, jsonb_build_object('source', 'main', 'app_id', n::text), 'tokens', '{}', n, 1000, n / 1000.0, 'ok', n,
       now(), (SELECT max(version_id) FROM usage.config_version)
FROM generate_series(0, 4999) AS n;
ANALYZE usage.budget_status;
