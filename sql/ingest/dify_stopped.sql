-- One estimated event an answer that was stopped and for which Dify logs no tokens (since 1.3.0): a token is four bytes of
-- the prompt's and the answer's text in UTF-8, at the prices that Dify noted. The message's own event stays as logged,
-- with zero.
-- Reads stage_message, stage_event. Writes stage_event. Safe to run twice.
INSERT INTO stage_event (
    event_id, tenant_id, app_id, app_mode, caller_kind, caller_id, provider, model, input_tokens, output_tokens,
    total_tokens, logged_cost, logged_currency, logged_api_key_id, basis, status, occurred_at
)
SELECT DISTINCT ON (m.id)
    'stopped:' || m.id, e.tenant_id, e.app_id, e.app_mode, e.caller_kind, e.caller_id, e.provider, e.model, about.prompt,
    about.answer, about.prompt + about.answer,
    about.prompt * m.input_price + about.answer * m.output_price, e.logged_currency, e.logged_api_key_id, 'estimated', 'stopped', e.occurred_at
FROM stage_message m
JOIN stage_event e ON e.event_id = 'message:' || m.id AND e.total_tokens = 0
CROSS JOIN LATERAL (
    SELECT (coalesce(m.prompt_octets, 0) + 3) / 4 AS prompt, (m.answer_octets + 3) / 4 AS answer
) AS about
WHERE m.answer_octets IS NOT NULL
ORDER BY m.id;
