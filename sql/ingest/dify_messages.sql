-- One usage event a message of a basic app (completion, chat, agent-chat): its own tokens or those of its agent's
-- thoughts, whichever side is larger, all figures from that side. A chatflow's message is a roll-up and makes none.
-- Reads stage_message, stage_run, message_caller, usage.project, usage.usage_event, usage.run_ledger. Writes stage_event and
-- gone_event (what was counted of a message before its row said which run it repeats).
INSERT INTO stage_event (
    event_id, tenant_id, app_id, app_mode, caller_kind, caller_id, provider, model, input_tokens, output_tokens,
    total_tokens, logged_cost, logged_currency, basis, status, occurred_at
)
SELECT DISTINCT ON (m.id)
    'message:' || m.id,
    coalesce(p.tenant_id, 'unknown'),
    m.app_id,
    coalesce(m.mode, p.mode),
    c.kind,
    c.caller_id,
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
FROM stage_message m
JOIN message_caller c ON c.id = m.id
LEFT JOIN usage.project p ON p.source = :'source' AND p.app_id = m.app_id
CROSS JOIN LATERAL (
    SELECT coalesce(m.thought_tokens, 0) > m.input_tokens + m.output_tokens AS thoughts_larger
) AS side
WHERE m.run_id IS NULL
  AND coalesce(m.mode, p.mode, '') NOT IN ('advanced-chat', 'workflow')
ORDER BY m.id;

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
