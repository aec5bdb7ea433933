-- One usage event a message of a basic app (completion, chat, agent-chat): its own tokens or those of its agent's
-- thoughts, whichever side is larger, all figures from that side. A chatflow's message is a roll-up and makes none: it
-- says who asked for its run, and is kept for that in message_caller.
-- Who asked is told by entry point first, then by the end user or account behind it.
-- Order of the tests: trigger, debug, explore, web app, MCP, nested tool, API. Who was known once stays known when Dify
-- has deleted the end user or account since.
-- 'openapi' (Dify 1.15) is a caller with a token of its own, not with an app's key: it is kept apart from 'api'.
-- Reads stage_message, stage_run, usage.project, usage.usage_event, usage.run_ledger. Writes stage_event, message_caller and
-- gone_event (what was counted of a message before its row said which run it repeats).
WITH called AS NOT MATERIALIZED (
    SELECT m.*,
           CASE
               WHEN known.caller_id IS NOT NULL THEN known.caller_kind
               WHEN m.invoke_from = 'trigger' THEN 'trigger'
               WHEN m.invoke_from IN ('debugger', 'validation') THEN 'debug'
               WHEN m.invoke_from = 'explore' THEN 'explore'
               WHEN m.invoke_from = 'web-app' THEN 'web_app'
               WHEN m.user_type = 'mcp' THEN 'mcp'
               WHEN m.user_app_id IS NOT NULL AND m.user_app_id <> m.app_id THEN 'nested'
               WHEN m.invoke_from = 'openapi' OR m.user_type = 'openapi' THEN 'openapi'
               WHEN m.invoke_from IN ('service-api', 'published') THEN 'api'
               WHEN m.user_type = 'browser' THEN 'web_app'
               WHEN m.user_type IN ('service-api', 'service_api') THEN 'api'
               WHEN m.account_email IS NOT NULL OR m.from_source = 'console' THEN 'console'
               ELSE 'unknown'
           END AS caller_kind,
           coalesce(m.user_session, m.account_email, known.caller_id) AS caller_id
    FROM stage_message m
    LEFT JOIN LATERAL (
        SELECT e.caller_kind, e.caller_id FROM usage.usage_event e
        WHERE e.source = :'source' AND e.event_id = 'message:' || m.id
        UNION ALL
        SELECT l.caller_kind, l.caller_id FROM usage.run_ledger l WHERE l.source = :'source' AND l.run_id = m.run_id
        LIMIT 1
    ) AS known ON m.user_session IS NULL AND m.account_email IS NULL
), of_runs AS (
    INSERT INTO message_caller
    SELECT c.id, c.run_id, c.app_id, c.caller_kind, c.caller_id FROM called c WHERE c.run_id IS NOT NULL
)
INSERT INTO stage_event (
    event_id, tenant_id, app_id, app_mode, caller_kind, caller_id, provider, model, input_tokens, output_tokens,
    total_tokens, logged_cost, logged_currency, basis, status, occurred_at
)
SELECT
    'message:' || m.id,
    coalesce(p.tenant_id, 'unknown'),
    m.app_id,
    coalesce(m.mode, p.mode),
    m.caller_kind,
    m.caller_id,
    m.provider,
    m.model,
    CASE WHEN thoughts_larger THEN m.thought_input_tokens ELSE m.input_tokens END,
    CASE WHEN thoughts_larger THEN m.thought_output_tokens ELSE m.output_tokens END,
    CASE WHEN thoughts_larger THEN m.thought_tokens ELSE m.input_tokens + m.output_tokens END,
    CASE WHEN thoughts_larger THEN m.thought_price ELSE m.price END,
    CASE WHEN thoughts_larger THEN coalesce(m.thought_currency, m.currency) ELSE m.currency END,
    'logged',
    CASE
        WHEN m.status = 'error' THEN 'failed'
        WHEN m.status = 'paused' THEN 'paused'
        WHEN m.input_tokens + m.output_tokens > 0 THEN 'succeeded'
        WHEN m.has_answer AND m.has_unit_price THEN 'stopped'
        WHEN m.has_answer THEN 'succeeded'
        ELSE 'running'
    END,
    m.created_at
FROM called m
LEFT JOIN usage.project p ON p.source = :'source' AND p.app_id = m.app_id
CROSS JOIN LATERAL (
    SELECT coalesce(m.thought_tokens, 0) > m.input_tokens + m.output_tokens AS thoughts_larger
) AS side
WHERE m.run_id IS NULL
  AND coalesce(m.mode, p.mode, '') NOT IN ('advanced-chat', 'workflow');

INSERT INTO gone_event
SELECT known.event_id
FROM stage_message m
CROSS JOIN LATERAL (
    SELECT e.event_id FROM usage.usage_event e
    WHERE e.source = :'source' AND e.event_id IN ('message:' || m.id, 'stopped:' || m.id)
    OFFSET 0
) AS known
-- A run that nobody knows, or of another app, is not what it repeats: what was counted once stays.
WHERE m.run_id IS NOT NULL
  AND (EXISTS (SELECT FROM stage_run r WHERE r.id = m.run_id AND r.app_id = m.app_id)
       OR EXISTS (SELECT FROM usage.run_ledger l
                  WHERE l.source = :'source' AND l.run_id = m.run_id AND l.app_id = m.app_id));
