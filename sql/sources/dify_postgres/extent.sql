-- What a Dify holds: workspaces, apps, the server's estimate of rows that are read, its first and last message by the index
-- on an app's messages and, where :'runs_by_time' says that there is an index on the time of runs, its first and last run.
-- Reads tenants, apps, messages, workflow_runs and the catalogue at Dify. Writes nothing.
WITH sizes AS (
    SELECT sum(greatest(c.reltuples::bigint, coalesce(s.n_live_tup, 0)))::bigint AS row_estimate
    FROM pg_class c
    LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
    WHERE c.oid IN (to_regclass('messages'), to_regclass('workflow_runs'), to_regclass('workflow_node_executions'))
), message_times AS (
    SELECT (SELECT min(m.created_at) FROM messages m WHERE m.app_id = a.id) AS first_message,
           (SELECT max(m.created_at) FROM messages m WHERE m.app_id = a.id) AS last_message
    FROM apps a
)
SELECT (SELECT count(*) FROM tenants) AS workspaces, (SELECT count(*) FROM apps) AS apps,
       (SELECT row_estimate FROM sizes) AS row_estimate,
       min(t.first_message) AS first_message, max(t.last_message) AS last_message,
       (SELECT min(r.created_at) FROM workflow_runs r WHERE :'runs_by_time'::boolean) AS first_run,
       (SELECT max(r.created_at) FROM workflow_runs r WHERE :'runs_by_time'::boolean) AS last_run
FROM message_times t
