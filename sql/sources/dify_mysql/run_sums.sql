-- Dify's own sums over its workflow runs, an app and quarter of an hour a row, made on Dify's server.
-- Reads workflow_runs along an index on created_at (:index names it, where there is one). Writes nothing. Its times are
-- written by the application, in UTC.
SELECT
    'run' AS kind,
    r.tenant_id,
    r.app_id,
    TIMESTAMPADD(MINUTE, TIMESTAMPDIFF(MINUTE, TIMESTAMP('2000-01-01'), r.created_at) DIV 15 * 15,
                 TIMESTAMP('2000-01-01')) AS slot,
    COUNT(*) AS `rows`,
    -- A total that can be no count is taken as not said.
    COALESCE(SUM(CASE WHEN r.total_tokens BETWEEN 0 AND 1000000000000 THEN r.total_tokens END), 0) AS tokens,
    0 AS rolled_up_tokens,
    0 AS thought_tokens,
    COUNT(*) AS units,
    0 AS digest
FROM workflow_runs r :index
WHERE r.created_at >= @since AND r.created_at < @until
GROUP BY r.tenant_id, r.app_id, slot
