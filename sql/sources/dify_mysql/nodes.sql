-- One row a node execution that may carry tokens, with its JSON columns cut down on the server to the members that hold
-- figures, so that prompts and answers never leave it. A text that the server cannot read as JSON is given as '?':
-- nodes_text.sql then reads that row. JSON_VALID stands before each JSON_EXTRACT, for MySQL fails on what is not JSON.
-- Reads workflow_node_executions as :nodes joins it, along the index that fits :selection. Writes nothing.
-- Of a call that was broken off and says no tokens (:cut_off) come the lengths in bytes of its prompt (of its inputs,
-- where it has ended without a prompt) and answer.
-- Left out are node types that call no model and say nothing of tokens; containers are kept to explain a run's total.
-- In the mysql client: sed "s/:nodes/workflow_node_executions n/; s/:selection/n.workflow_run_id = '...'/; s/:cut_off/0/" nodes.sql
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
    CASE
        WHEN JSON_VALID(n.execution_metadata) THEN JSON_OBJECT(
            'total_tokens', JSON_EXTRACT(n.execution_metadata, '$.total_tokens'),
            'total_price', JSON_EXTRACT(n.execution_metadata, '$.total_price'),
            'currency', JSON_EXTRACT(n.execution_metadata, '$.currency'),
            'iteration_id', JSON_EXTRACT(n.execution_metadata, '$.iteration_id'),
            'iteration_index', JSON_EXTRACT(n.execution_metadata, '$.iteration_index'),
            'loop_id', JSON_EXTRACT(n.execution_metadata, '$.loop_id'),
            'loop_index', JSON_EXTRACT(n.execution_metadata, '$.loop_index'),
            'tool_info', JSON_OBJECT(
                'provider_type', JSON_EXTRACT(n.execution_metadata, '$.tool_info.provider_type'),
                'provider_id', JSON_EXTRACT(n.execution_metadata, '$.tool_info.provider_id')
            )
        )
        WHEN n.execution_metadata <> '' THEN '?'
    END AS metadata,
    CASE
        WHEN n.node_type IN ('iteration', 'loop') THEN NULL
        WHEN JSON_VALID(n.process_data) THEN JSON_OBJECT(
            'usage', JSON_EXTRACT(n.process_data, '$.usage'),
            'model_provider', JSON_EXTRACT(n.process_data, '$.model_provider'),
            'model_name', JSON_EXTRACT(n.process_data, '$.model_name')
        )
        WHEN n.process_data <> '' THEN '?'
    END AS process,
    CASE
        WHEN n.node_type IN ('iteration', 'loop') THEN NULL
        WHEN JSON_VALID(n.process_data) AND JSON_TYPE(JSON_EXTRACT(n.process_data, '$.usage')) = 'OBJECT' THEN NULL
        WHEN INSTR(CAST(n.outputs AS BINARY), '"total_tokens"') = 0 THEN NULL
        WHEN JSON_VALID(n.outputs) THEN JSON_OBJECT(
            'usage', JSON_EXTRACT(n.outputs, '$.usage'),
            '__usage', JSON_EXTRACT(n.outputs, '$.__usage')
        )
        WHEN n.outputs <> '' THEN '?'
    END AS outputs,
    CASE WHEN :cut_off THEN COALESCE(
        (SELECT SUM(OCTET_LENGTH(CONVERT(part.said USING utf8mb4)))
         FROM JSON_TABLE(IF(JSON_VALID(n.process_data), n.process_data, '{}'), '$.prompts[*]'
                         COLUMNS (said longtext PATH '$.text')) AS part),
        (SELECT SUM(OCTET_LENGTH(CONVERT(given.said USING utf8mb4)))
         FROM JSON_TABLE(IF(n.status IN ('failed', 'stopped') AND JSON_VALID(n.inputs), n.inputs, '{}'), '$.*'
                         COLUMNS (said longtext PATH '$')) AS given)
    ) END AS prompt_octets,
    CASE WHEN :cut_off AND JSON_VALID(n.outputs)
         THEN OCTET_LENGTH(CONVERT(JSON_UNQUOTE(JSON_EXTRACT(n.outputs, '$.text')) USING utf8mb4)) END AS answer_octets,
    CAST(n.node_execution_id AS BINARY) <> CAST(n.id AS BINARY) AS own_attempts
FROM :nodes
WHERE :selection
  AND (n.node_type IN ('llm', 'question-classifier', 'parameter-extractor', 'knowledge-retrieval', 'agent', 'tool',
                       'iteration', 'loop')
       OR INSTR(CAST(n.execution_metadata AS BINARY), '"total_tokens"') > 0)
