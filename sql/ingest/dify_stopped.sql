-- One estimated event an answer that was stopped and for which Dify logs no tokens (since 1.3.0), and a model's call that
-- a stopped run broke off: a token is four bytes of the prompt's and the answer's text in UTF-8, an answer's at the
-- prices that Dify noted. The message's or node's own event stays as logged, with zero.
-- What a run's total says beyond its parts is booked as its residual: its calls have no estimate then.
-- Reads stage_message, staged_figure, run_figure, stage_event, usage.run_ledger. Writes stage_event. Safe to run twice.
UPDATE stage_event e SET status = 'stopped'
FROM run_figure f
WHERE e.run_id = f.id AND f.quiet_since IS NOT NULL AND e.status = 'running';

-- A console's single step is read without its run: whether that has ended by silence, the ledger knows.
UPDATE stage_event e SET status = 'stopped'
FROM (
    SELECT s.ctid AS row
    FROM stage_event s
    CROSS JOIN LATERAL (
        SELECT l.finished_at FROM usage.run_ledger l
        WHERE l.source = :'source' AND l.run_id = s.run_id AND l.status = 'running'
        OFFSET 0
    ) AS run
    WHERE s.status = 'running' AND s.occurred_at <= run.finished_at
      AND NOT EXISTS (SELECT FROM run_figure f WHERE f.id = s.run_id)
) AS quiet
WHERE e.ctid = quiet.row;

INSERT INTO stage_event (
    event_id, tenant_id, app_id, app_mode, run_id, node_id, node_type, node_title, caller_kind, caller_id, provider,
    model, input_tokens, output_tokens, total_tokens, logged_cost, logged_api_key_id, basis, status, occurred_at
)
SELECT 'stopped:' || n.id, e.tenant_id, e.app_id, e.app_mode, e.run_id, e.node_id, e.node_type, e.node_title,
       e.caller_kind, e.caller_id, e.provider, e.model, about.prompt, about.answer, about.prompt + about.answer, 0,
       e.logged_api_key_id, 'estimated', 'stopped', e.occurred_at
FROM staged_figure n
JOIN run_figure f ON f.id = n.run_id AND (f.status = 'stopped' OR f.quiet_since IS NOT NULL) AND f.residual_tokens = 0
JOIN stage_event e ON e.event_id = 'node:' || n.id AND e.total_tokens = 0
CROSS JOIN LATERAL (
    SELECT (coalesce(n.prompt_octets, 0) + 3) / 4 AS prompt, (coalesce(n.answer_octets, 0) + 3) / 4 AS answer
) AS about
WHERE about.prompt + about.answer > 0;

INSERT INTO stage_event (
    event_id, tenant_id, app_id, app_mode, caller_kind, caller_id, provider, model, input_tokens, output_tokens,
    total_tokens, logged_cost, logged_currency, logged_api_key_id, basis, status, occurred_at
)
SELECT
    'stopped:' || m.id, e.tenant_id, e.app_id, e.app_mode, e.caller_kind, e.caller_id, e.provider, e.model, about.prompt,
    about.answer, about.prompt + about.answer,
    about.prompt * m.input_price + about.answer * m.output_price, e.logged_currency, e.logged_api_key_id, 'estimated', 'stopped', e.occurred_at
FROM stage_message m
JOIN stage_event e ON e.event_id = 'message:' || m.id AND e.total_tokens = 0
CROSS JOIN LATERAL (
    SELECT (coalesce(m.prompt_octets, 0) + 3) / 4 AS prompt, (m.answer_octets + 3) / 4 AS answer
) AS about
WHERE m.answer_octets IS NOT NULL;
