-- Apps and quarters of an hour in which the source's messages and our events of them are not the same rows with the
-- same figures: their number or their digest (sql/sources/*/message_sums.sql) differs.
-- Reads own_sum, our_event, usage.project, usage.tenant. Writes nothing.
WITH theirs AS (
    SELECT s.app_id, s.slot, sum(s.units) AS units, sum(s.digest) AS digest
    FROM own_sum s
    LEFT JOIN usage.project p ON p.source = :'source' AND p.app_id = s.app_id
    LEFT JOIN usage.tenant t ON t.source = :'source' AND t.tenant_id = p.tenant_id
    WHERE s.kind = 'message' AND (s.slot AT TIME ZONE coalesce(t.timezone, :'zone'))::date = :'day'::date
    GROUP BY s.app_id, s.slot
    HAVING sum(s.units) > 0
), ours AS (
    SELECT e.app_id, to_timestamp(floor(extract(epoch FROM e.occurred_at) / 900) * 900) AS slot, count(*) AS units,
           sum(('x' || left(md5(
               e.event_id || '|' || e.input_tokens || '|' || e.output_tokens || '|' || e.total_tokens || '|'
               || round(coalesce(e.logged_cost, 0), 12) || '|'
               || to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS')
           ), 14))::bit(56)::bigint)::numeric AS digest
    FROM our_event e
    LEFT JOIN usage.tenant t ON t.source = :'source' AND t.tenant_id = e.tenant_id
    WHERE e.event_id LIKE 'message:%' AND e.gone_at_source IS NULL AND e.basis = 'logged'
      AND e.occurred_at >= :'since'::timestamptz AND e.occurred_at < :'until'::timestamptz
      AND (e.occurred_at AT TIME ZONE coalesce(t.timezone, :'zone'))::date = :'day'::date
    GROUP BY 1, 2
)
SELECT coalesce(theirs.app_id, ours.app_id) AS app_id, coalesce(theirs.slot, ours.slot) AS begins_at
FROM theirs
FULL JOIN ours ON ours.app_id = theirs.app_id AND ours.slot = theirs.slot
WHERE (theirs.units, theirs.digest) IS DISTINCT FROM (ours.units, ours.digest)
ORDER BY 2, 1
