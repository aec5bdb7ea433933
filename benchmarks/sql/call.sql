-- A call by API just now, of a caller that was never seen. Writes end_users, messages.
INSERT INTO end_users (id, tenant_id, app_id, type, is_anonymous, session_id, created_at, updated_at)
VALUES (md5(:'caller')::uuid, md5('tenant0')::uuid, md5('app0')::uuid, 'service_api', false, :'caller', now(), now());
INSERT INTO messages (
    id, app_id, model_provider, model_id, conversation_id, inputs, query, message, message_tokens, message_unit_price,
    answer, answer_tokens, answer_unit_price, provider_response_latency, total_price, currency, from_source,
    from_end_user_id, created_at, updated_at, agent_based, message_price_unit, answer_price_unit, status, invoke_from,
    app_mode)
VALUES (md5('call' || :'caller')::uuid, md5('app0')::uuid, 'langgenius/openai/openai', 'gpt-0', md5('c' || :'caller')::uuid,
        '{}', 'what was it', '[]', 300, 0.0025, 'an answer', 100, 0.0100, 1.5, 0.0041200, 'USD', 'api',
        md5(:'caller')::uuid, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC', false, 0.001, 0.001, 'normal',
        'service-api', 'chat')
