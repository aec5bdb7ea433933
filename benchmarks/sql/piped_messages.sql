-- Sixteen columns of a message, as the plainest loader would copy them. Reads messages. Writes nothing.
SELECT id, app_id, model_provider, model_id, message_tokens, answer_tokens, total_price, currency, status, invoke_from,
       from_source, workflow_run_id, created_at, from_end_user_id, from_account_id, app_mode
FROM messages
