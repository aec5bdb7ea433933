-- The same rows as nodes.sql with their JSON columns as text, for rows whose JSON the server cannot read: each is then
-- read by itself, so that one broken row costs only its own figures.
-- Reads workflow_node_executions along the index that fits :selection. Writes nothing; the texts are dropped at once.
SELECT
    n.id,
    n.workflow_run_id AS run_id,
    n.tenant_id,
    n.app_id,
    n.workflow_id,
    n.triggered_from,
    n.node_id,
    n.node_type,
    n.title,
    n.status,
    n.created_at,
    CASE WHEN n.workflow_run_id IS NULL THEN
        (SELECT a.email FROM accounts a WHERE a.id = n.created_by) END AS account_email,
    n.finished_at,
    n.execution_metadata AS metadata,
    n.process_data AS process,
    n.outputs,
    n.inputs,
    CAST(n.node_execution_id AS BINARY) <> CAST(n.id AS BINARY) AS own_attempts
FROM :nodes
WHERE :selection
  AND (n.node_type IN ('llm', 'question-classifier', 'parameter-extractor', 'knowledge-retrieval', 'agent', 'tool',
                       'iteration', 'loop')
       OR INSTR(CAST(n.execution_metadata AS BINARY), '"total_tokens"') > 0)
