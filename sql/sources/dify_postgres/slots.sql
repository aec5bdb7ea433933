-- One row a slot of :width seconds that holds messages or runs: its digest, which is another when any of them, of the
-- agent's thoughts, of the runs' node executions and of their logs was inserted, updated or deleted; never a figure.
-- A row's transaction (xmin) and place (ctid) are other ones after each write, so no column but the ids is read.
-- Reads messages and workflow_runs along (created_at, id), message_agent_thoughts by message_id,
-- workflow_node_executions (:nodes, by its runs) and workflow_app_logs (:logs, by run). Writes nothing.
-- In psql: psql -v since="2026-07-01" -v until="2026-07-02" -v width=10 -f slots.sql
WITH row AS (
    SELECT m.created_at, uuid_hash_extended(m.id, m.xmin::text::bigint)::numeric + hashtextextended(m.ctid::text, 1) AS digest
    FROM messages m
    WHERE m.created_at >= :'since'::timestamp AND m.created_at < :'until'::timestamp
    UNION ALL
    SELECT m.created_at, uuid_hash_extended(t.id, t.xmin::text::bigint)::numeric + hashtextextended(t.ctid::text, 2)
    FROM messages m
    JOIN message_agent_thoughts t ON t.message_id = m.id
    WHERE m.created_at >= :'since'::timestamp AND m.created_at < :'until'::timestamp
    UNION ALL
    SELECT r.created_at, uuid_hash_extended(r.id, r.xmin::text::bigint)::numeric + hashtextextended(r.ctid::text, 3)
                         + coalesce(node.digest, 0) + coalesce(log.digest, 0)
    FROM workflow_runs r
    LEFT JOIN LATERAL (
        SELECT sum(uuid_hash_extended(n.id, n.xmin::text::bigint)::numeric + hashtextextended(n.ctid::text, 4)) AS digest
        FROM workflow_node_executions n
        WHERE :nodes
        OFFSET 0
    ) AS node ON true
    LEFT JOIN LATERAL (:logs OFFSET 0) AS log ON true
    WHERE r.created_at >= :'since'::timestamp AND r.created_at < :'until'::timestamp
)
SELECT to_timestamp(floor(extract(epoch FROM row.created_at AT TIME ZONE 'UTC') / :'width'::integer) * :'width'::integer) AS starts_at,
       sum(row.digest) AS digest, count(*) AS rows
FROM row
GROUP BY 1
ORDER BY 1
