-- Sixteen columns of a node's execution, as the plainest loader would copy them. Writes nothing.
SELECT id, tenant_id, app_id, workflow_id, workflow_run_id, node_id, node_type, title, status, created_at, finished_at,
       process_data::json -> 'usage' ->> 'prompt_tokens' AS input_tokens, process_data::json -> 'usage' ->> 'completion_tokens' AS output_tokens,
       execution_metadata::json ->> 'total_tokens' AS total_tokens, execution_metadata::json ->> 'total_price' AS total_price,
       process_data::json ->> 'model_name' AS model_name
FROM workflow_node_executions
