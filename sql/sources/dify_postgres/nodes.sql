-- One row a node execution that may carry tokens: the figures of its JSON columns, picked out on the server so that
-- prompts and answers never leave it.
-- Reads workflow_node_executions along the index that fits :selection (its runs, or a draft's single steps). Writes
-- nothing. One row whose JSON cannot be read fails the statement: nodes_text.sql then reads that batch.
-- Of a call that was broken off and says no tokens come the lengths in bytes of its prompt (of its inputs, where it has
-- ended without a prompt) and answer.
-- Left out are node types that call no model and say nothing of tokens; containers are kept to explain a run's total.
-- In psql: psql -v selection="n.workflow_run_id = '...'" -f nodes.sql
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
    (n.created_at AT TIME ZONE 'UTC')::timestamptz AS created_at,
    CASE WHEN n.triggered_from = 'single-step' THEN
        (SELECT a.email::text FROM accounts a WHERE a.id = n.created_by)
    END AS account_email,
    left(meta.total_tokens, 255)::text AS meta_tokens,
    left(meta.total_price, 255)::text AS meta_price,
    left(meta.currency, 255)::text AS meta_currency,
    left(meta.tool_info ->> 'provider_type', 255)::text AS tool_kind,
    left(usage.json ->> 'prompt_tokens', 255)::text AS usage_input,
    left(usage.json ->> 'completion_tokens', 255)::text AS usage_output,
    left(usage.json ->> 'total_tokens', 255)::text AS usage_tokens,
    left(usage.json ->> 'total_price', 255)::text AS usage_price,
    left(usage.json ->> 'currency', 255)::text AS usage_currency,
    left(process.model_provider, 255)::text AS provider,
    left(process.model_name, 255)::text AS model,
    true AS readable,
    left(meta.tool_info ->> 'provider_id', 255)::text AS tool_provider_id,
    (n.finished_at AT TIME ZONE 'UTC')::timestamptz AS finished_at,
    left(meta.iteration_id || ' ' || meta.iteration_index, 255)::text AS iteration_round,
    left(meta.loop_id || ' ' || meta.loop_index, 255)::text AS loop_round,
    (n.node_execution_id <> n.id::text) AS own_attempts,
    CASE WHEN cut.off THEN coalesce(
        (SELECT sum(octet_length(part.json ->> 'text'))
         FROM json_array_elements(CASE WHEN json_typeof(cut.process -> 'prompts') = 'array'
                                       THEN cut.process -> 'prompts' ELSE '[]'::json END) AS part (json)
         WHERE json_typeof(part.json) = 'object'),
        (SELECT sum(octet_length(given.value))
         FROM json_each_text(CASE WHEN n.status IN ('failed', 'stopped') AND left(ltrim(n.inputs, E' \t\r\n'), 1) = '{'
                                 THEN n.inputs::json END) AS given)
    ) END::bigint AS prompt_octets,
    CASE WHEN cut.off AND left(ltrim(n.outputs, E' \t\r\n'), 1) = '{'
         THEN octet_length(n.outputs::json ->> 'text') END::bigint AS answer_octets
FROM workflow_node_executions n
LEFT JOIN LATERAL json_to_record(
    CASE WHEN left(ltrim(n.execution_metadata, E' \t\r\n'), 1) = '{' THEN n.execution_metadata::json END
) AS meta (total_tokens text, total_price text, currency text, tool_info json, iteration_id text, iteration_index text,
         loop_id text, loop_index text) ON true
LEFT JOIN LATERAL json_to_record(
    CASE WHEN n.node_type NOT IN ('iteration', 'loop')
          AND left(ltrim(n.process_data, E' \t\r\n'), 1) = '{' THEN n.process_data::json END
) AS process (usage json, model_provider text, model_name text) ON true
LEFT JOIN LATERAL json_to_record(
    CASE WHEN n.node_type NOT IN ('iteration', 'loop') AND json_typeof(process.usage) IS DISTINCT FROM 'object'
          AND strpos(n.outputs, '"total_tokens"') > 0
          AND left(ltrim(n.outputs, E' \t\r\n'), 1) = '{' THEN n.outputs::json END
) AS output (usage json, __usage json) ON true
CROSS JOIN LATERAL (
    SELECT CASE WHEN json_typeof(process.usage) = 'object' THEN process.usage
                WHEN json_typeof(output.usage) = 'object' THEN output.usage
                WHEN json_typeof(output.__usage) = 'object' THEN output.__usage END AS json
) AS usage
CROSS JOIN LATERAL (
    SELECT is_cut.off, CASE WHEN is_cut.off AND left(ltrim(n.process_data, E' \t\r\n'), 1) = '{'
                            THEN n.process_data::json END AS process
    FROM (SELECT n.status IN ('running', 'pending', 'failed', 'stopped')
                 AND n.node_type IN ('llm', 'question-classifier', 'parameter-extractor', 'agent')
                 AND meta.total_tokens IS NULL AND usage.json IS NULL AS off) AS is_cut
) AS cut
WHERE :selection
  AND (n.node_type IN ('llm', 'question-classifier', 'parameter-extractor', 'knowledge-retrieval', 'agent', 'tool',
                       'iteration', 'loop')
       OR strpos(n.execution_metadata, '"total_tokens"') > 0)
