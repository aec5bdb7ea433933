-- What nodes.sql reads from where workflow_run_id has no index of its own (Dify before 1.12.0): along (tenant_id,
-- app_id, workflow_id, triggered_from, workflow_run_id), whose leading columns the runs know. STRAIGHT_JOIN keeps the
-- order: a look-up a run, whatever the planner thinks of the table. Reads workflow_runs by primary key. Writes nothing.
workflow_runs r FORCE INDEX (PRIMARY)
STRAIGHT_JOIN (
    SELECT 'workflow-run' AS name UNION ALL SELECT 'rag-pipeline-run' UNION ALL SELECT 'single-step'
) AS origin
STRAIGHT_JOIN workflow_node_executions n :index
    ON n.tenant_id = r.tenant_id AND n.app_id = r.app_id AND n.workflow_id = r.workflow_id
    AND n.triggered_from = origin.name AND n.workflow_run_id = r.id
