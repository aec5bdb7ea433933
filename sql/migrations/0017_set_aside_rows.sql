-- What kind of row a problem of a source is about, and the run that a node belongs to: by these it is read again.
-- Adds two columns without defaults: safe on a live table. Runs once; alembic keeps the record in usage.schema_version.
ALTER TABLE usage.source_problem ADD COLUMN row_kind text, ADD COLUMN run_id text;

UPDATE usage.source_problem
SET run_id = substring(detail FROM ', of run (.+)$'),
    row_kind = CASE WHEN detail LIKE '%: messages.%' THEN 'message' WHEN detail LIKE '%: workflow_runs.%' THEN 'run'
                    WHEN detail LIKE '%: workflow_node_executions.%' THEN 'node'
                    WHEN detail LIKE '%: tool_model_invokes.%' THEN 'tool_call'
                    WHEN detail LIKE '%: documents.%' THEN 'document' END
WHERE kind = 'set_aside';

COMMENT ON COLUMN usage.source_problem.row_kind IS 'Of a row that was set aside: message, run, node, tool_call or document';
COMMENT ON COLUMN usage.source_problem.run_id IS 'The run that a node which was set aside belongs to';
