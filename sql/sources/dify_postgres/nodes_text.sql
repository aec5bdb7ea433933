-- The same rows as nodes.sql with their JSON columns as text, for a batch in which a row's JSON cannot be read on the
-- server: each row is then read by itself, so that one broken row costs only its own figures.
-- Reads workflow_node_executions along the index that fits :selection. Writes nothing; the texts are dropped at once.
SELECT
    n.id::text,
    n.workflow_run_id::text AS run_id,
    n.tenant_id::text,
    n.app_id::text,
    n.workflow_id::text,
    n.triggered_from::text,
    n.node_id::text,
    n.node_type::text,
    n.title::text,
    n.status::text,
    (n.created_at AT TIME ZONE 'UTC')::timestamptz::text AS created_at, -- as text: it may be infinite
    CASE WHEN n.triggered_from = 'single-step' THEN
        (SELECT a.email::text FROM accounts a WHERE a.id = n.created_by)
    END AS account_email,
    (n.finished_at AT TIME ZONE 'UTC')::timestamptz::text AS finished_at,
    n.execution_metadata::text,
    n.process_data::text,
    n.outputs::text,
    n.inputs::text,
    (n.node_execution_id <> n.id::text) AS own_attempts
FROM workflow_node_executions n
WHERE :selection
  AND (n.node_type IN ('llm', 'question-classifier', 'parameter-extractor', 'knowledge-retrieval', 'agent', 'tool',
                       'iteration', 'loop')
       OR strpos(n.execution_metadata, '"total_tokens"') > 0)
