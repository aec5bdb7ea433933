-- One usage event a model-calling leaf of a workflow run, of every status; containers and workflows called as tools
-- repeat what their leaves say and make none.
-- Reads stage_node, stage_node_model, stage_run, run_caller, usage.run_ledger, usage.project, usage.usage_event. Writes
-- stage_event, the temporary table staged_figure (one row a staged node with its figures as numbers) and gone_event (what
-- was counted of a node before its row said that it repeats others).
INSERT INTO staged_figure
SELECT DISTINCT ON (n.id)
    n.id, n.run_id, n.tenant_id, n.app_id, n.workflow_id, n.triggered_from, n.node_id, n.node_type, n.title, n.status,
    n.created_at, n.account_email, n.provider, n.model,
    CASE
        WHEN n.node_type IN ('iteration', 'loop') THEN 'container'
        WHEN n.node_type = 'tool' AND n.tool_kind = 'workflow' THEN 'nested'
        ELSE 'leaf'
    END,
    coalesce(usage.as_tokens(n.usage_input), 0),
    coalesce(usage.as_tokens(n.usage_output), 0),
    coalesce(usage.as_tokens(n.meta_tokens), usage.as_tokens(n.usage_tokens), 0),
    coalesce(nullif(usage.as_number(n.meta_price), 0), usage.as_number(n.usage_price), 0),
    coalesce(n.meta_currency, n.usage_currency),
    n.finished_at, n.iteration_round, n.loop_round, n.own_attempts, n.prompt_octets, n.answer_octets
FROM stage_node n
ORDER BY n.id;

INSERT INTO stage_event (
    event_id, tenant_id, app_id, app_mode, run_id, node_id, node_type, node_title, caller_kind, caller_id, provider,
    model, input_tokens, output_tokens, total_tokens, logged_cost, logged_currency, basis, status, occurred_at
)
SELECT
    'node:' || n.id,
    n.tenant_id,
    n.app_id,
    coalesce(CASE r.type WHEN 'chat' THEN 'advanced-chat' END, r.type, known.app_mode, p.mode),
    n.run_id,
    n.node_id,
    n.node_type,
    n.title,
    coalesce(c.kind, known.caller_kind, CASE WHEN n.triggered_from = 'single-step' THEN 'debug' END, 'unknown'),
    coalesce(c.caller_id, known.caller_id, n.account_email),
    coalesce(n.provider, configured.provider),
    coalesce(n.model, configured.model),
    n.input_tokens,
    n.output_tokens,
    n.total_tokens,
    n.price,
    n.currency,
    'logged',
    CASE
        WHEN n.status = 'succeeded' THEN 'succeeded'
        WHEN n.status IN ('failed', 'exception', 'retry') THEN 'failed'
        WHEN n.status = 'stopped' THEN 'stopped'
        WHEN n.status = 'paused' THEN 'paused'
        ELSE 'running'
    END,
    n.created_at
FROM staged_figure n
LEFT JOIN (SELECT DISTINCT ON (id) id, type FROM stage_run ORDER BY id) r ON r.id = n.run_id
LEFT JOIN run_caller c ON c.id = n.run_id
LEFT JOIN usage.run_ledger known ON known.source = :'source' AND known.run_id = n.run_id
LEFT JOIN usage.project p ON p.source = :'source' AND p.app_id = n.app_id
LEFT JOIN (
    SELECT DISTINCT ON (workflow_id, node_id) workflow_id, node_id, provider, model
    FROM stage_node_model ORDER BY workflow_id, node_id
) AS configured ON configured.workflow_id = n.workflow_id AND configured.node_id = n.node_id
WHERE n.kind = 'leaf'
  AND (n.total_tokens > 0 OR n.node_type IN ('llm', 'question-classifier', 'parameter-extractor', 'agent'));

INSERT INTO gone_event
SELECT known.event_id
FROM staged_figure f
CROSS JOIN LATERAL (
    SELECT e.event_id FROM usage.usage_event e
    WHERE e.source = :'source' AND e.event_id IN ('node:' || f.id, 'stopped:' || f.id)
    OFFSET 0
) AS known
WHERE f.kind <> 'leaf';
