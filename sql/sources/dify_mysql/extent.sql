-- What a Dify holds: workspaces, apps, the server's estimate of rows that are read, its first and last message by the index
-- on an app's messages and, where :'runs_by_time' says that there is an index on the time of runs, its first and last run.
-- Reads tenants, apps, messages, workflow_runs and information_schema at Dify. Writes nothing.
SELECT (SELECT count(*) FROM tenants) AS workspaces, (SELECT count(*) FROM apps) AS apps,
       (SELECT coalesce(sum(s.table_rows), 0) FROM information_schema.tables s
        WHERE s.table_schema = database()
          AND s.table_name IN ('messages', 'workflow_runs', 'workflow_node_executions')) AS row_estimate,
       min(t.first_message) AS first_message, max(t.last_message) AS last_message,
       (SELECT min(r.created_at) FROM workflow_runs r WHERE :'runs_by_time') AS first_run,
       (SELECT max(r.created_at) FROM workflow_runs r WHERE :'runs_by_time') AS last_run
FROM (
    SELECT (SELECT min(m.created_at) FROM messages m WHERE m.app_id = a.id) AS first_message,
           (SELECT max(m.created_at) FROM messages m WHERE m.app_id = a.id) AS last_message
    FROM apps a
) AS t
