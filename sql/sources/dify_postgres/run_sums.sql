-- Dify's own sums over its workflow runs, an app and quarter of an hour a row, made on Dify's server.
-- Reads workflow_runs along (created_at, id); before 1.11.3 there is no such index and the table is read whole.
-- Writes nothing. In psql: psql -v since='2026-11-24' -v until='2026-11-25' -f run_sums.sql
SELECT
    'run'::text AS kind,
    r.tenant_id::text,
    r.app_id::text,
    to_timestamp(floor(extract(epoch FROM r.created_at) / 900) * 900)::timestamptz AS slot,
    count(*)::bigint AS rows,
    -- A total that can be no count is taken as not said.
    coalesce(sum(r.total_tokens) FILTER (WHERE r.total_tokens BETWEEN 0 AND 1000000000000), 0)::bigint AS tokens,
    0::bigint AS rolled_up_tokens,
    0::bigint AS thought_tokens,
    count(*)::bigint AS units,
    0::numeric AS digest
FROM workflow_runs r
WHERE r.created_at >= :'since'::timestamp AND r.created_at < :'until'::timestamp
GROUP BY r.tenant_id, r.app_id, slot
