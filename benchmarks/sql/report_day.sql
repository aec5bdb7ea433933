-- Two big days of the report: 1,000 projects of 20 tenants that each called 100 models. Writes usage.tenant,
-- usage.project, usage.api_key, usage.daily_usage of an empty warehouse; it runs once.
INSERT INTO usage.tenant (source, tenant_id, name, timezone)
SELECT 'main', 'tenant-' || t, 'Department ' || t, 'Asia/Shanghai' FROM generate_series(0, 19) AS t;
INSERT INTO usage.project (source, app_id, tenant_id, name, mode, environment)
SELECT 'main', md5(p::text)::uuid::text, 'tenant-' || p % 20, 'project number ' || p, 'workflow', 'prod'
FROM generate_series(1, 1000) AS p;
INSERT INTO usage.api_key (source, api_key_id, app_id, tenant_id, masked, created_at)
SELECT 'main', 'key-' || p, md5(p::text)::uuid::text, 'tenant-' || p % 20, 'app-' || p || '…' || p % 97, now()
FROM generate_series(1, 1000) AS p;
INSERT INTO usage.daily_usage
SELECT '2026-03-17'::date - back, 'main', 'tenant-' || p % 20, CASE WHEN p % 5 = 0 THEN 'dev' ELSE 'prod' END,
       md5(p::text)::uuid::text, 'key-' || p, 'sole', 'api', 'user-' || (p * 7 + m) % 300, 'provider-' || m % 10,
       'model-' || m || '-instruct', 'CNY', 1 + (p * m) % 90, (p * m) % 3, a, b, a + b, 0, 0, c, c
FROM generate_series(1, 1000) AS p, generate_series(1, 100) AS m, generate_series(0, 1) AS back,
     LATERAL (SELECT (p::bigint * 7919 + m * 104729) % 900000 AS a, (p::bigint * 6101 + m * 1299709) % 300000 AS b,
                     ((p::bigint * 15485863 + m::bigint * 32452843) % 1000000000)::numeric / 10000000 AS c) AS amounts;
ANALYZE
