-- The selection of nodes.sql that finds single-step debugging since :since where node executions cannot be walked by
-- workflow and node (Dify before 1.5.0): along (tenant_id, app_id, workflow_id, triggered_from, ...) of each draft.
-- Its cost grows with the single steps of drafts, which people make by hand. Reads workflows, workflow_node_executions.
-- Writes nothing.
n.id IN (
    SELECT x.id
    FROM workflows d
    CROSS JOIN LATERAL (
        SELECT s.id FROM workflow_node_executions s
        WHERE s.tenant_id = d.tenant_id AND s.app_id = d.app_id AND s.workflow_id = d.id
          AND s.triggered_from = 'single-step' AND s.created_at >= :'since'::timestamp
        OFFSET 0
    ) AS x
    WHERE d.version = 'draft'
)
