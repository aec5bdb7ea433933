-- What nodes.sql reads from for single-step debugging: rows of drafts, mostly without a run, along (tenant_id, app_id,
-- workflow_id, triggered_from, ...) of each draft. Its cost grows with the single steps of drafts, which people make by
-- hand. Reads workflows, workflow_node_executions. Writes nothing.
workflows d
STRAIGHT_JOIN workflow_node_executions n :index
    ON n.tenant_id = d.tenant_id AND n.app_id = d.app_id AND n.workflow_id = d.id AND n.triggered_from = 'single-step'
