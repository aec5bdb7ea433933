-- The selection of nodes.sql that finds single-step debugging since :since: rows of drafts, mostly without a run.
-- Walks (tenant_id, workflow_id, node_id, created_at DESC) from one node of each draft to its next, so that its cost
-- grows with the number of drafts' nodes, not with the history of their executions. Writes nothing.
n.id IN (
    WITH RECURSIVE draft AS (
        SELECT w.tenant_id, w.id FROM workflows w WHERE w.version = 'draft'
    ), node AS (
        SELECT d.tenant_id, d.id AS workflow_id,
               (SELECT min(x.node_id) FROM workflow_node_executions x
                WHERE x.tenant_id = d.tenant_id AND x.workflow_id = d.id) AS node_id
        FROM draft d
        UNION ALL
        SELECT p.tenant_id, p.workflow_id,
               (SELECT min(x.node_id) FROM workflow_node_executions x
                WHERE x.tenant_id = p.tenant_id AND x.workflow_id = p.workflow_id AND x.node_id > p.node_id)
        FROM node p
        WHERE p.node_id IS NOT NULL
    )
    SELECT x.id
    FROM node
    JOIN LATERAL (
        SELECT s.id, s.triggered_from FROM workflow_node_executions s
        WHERE s.tenant_id = node.tenant_id AND s.workflow_id = node.workflow_id AND s.node_id = node.node_id
          AND s.created_at >= :'since'::timestamp
    ) AS x ON x.triggered_from = 'single-step'
    WHERE node.node_id IS NOT NULL
)
