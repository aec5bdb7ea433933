-- The selection of nodes.sql that finds the nodes of runs where workflow_run_id has no index of its own (Dify before
-- 1.12.0): along (tenant_id, app_id, workflow_id, triggered_from, workflow_run_id), whose leading columns the runs know.
-- Reads workflow_node_executions. Writes nothing.
n.id IN (
    SELECT x.id
    FROM unnest(:'ids'::uuid[], :'tenants'::uuid[], :'apps'::uuid[], :'workflows'::uuid[])
         AS run (id, tenant_id, app_id, workflow_id)
    CROSS JOIN unnest(ARRAY['workflow-run', 'rag-pipeline-run', 'single-step']) AS origin (name)
    CROSS JOIN LATERAL (
        SELECT w.id FROM workflow_node_executions w
        WHERE w.tenant_id = run.tenant_id AND w.app_id = run.app_id AND w.workflow_id = run.workflow_id
          AND w.triggered_from = origin.name AND w.workflow_run_id = run.id
        OFFSET 0 -- a look-up a run, whatever the planner thinks of the table
    ) AS x
)
