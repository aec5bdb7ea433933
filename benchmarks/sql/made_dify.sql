-- A made-up Dify of basic apps and workflows, big at once: :messages answers of 50 apps and :callers callers, and :runs
-- workflow runs of five nodes each, the JSON of a node about 2 KB; over :days days, the last of them :ended ago.
-- Writes Dify's tables in an empty database.
INSERT INTO tenants (id, name, plan, status, created_at, updated_at)
SELECT md5('tenant' || n)::uuid, 'Tenant ' || n, 'basic', 'normal', now(), now() FROM generate_series(0, 4) n;
INSERT INTO apps (id, tenant_id, name, mode, status, enable_site, enable_api, api_rpm, api_rph, is_demo, is_public,
                  created_at, updated_at, is_universal, description, use_icon_as_answer_icon)
SELECT md5('app' || n)::uuid, md5('tenant' || n % 5)::uuid, 'app-' || n, CASE WHEN n < 50 THEN 'chat' ELSE 'workflow' END,
       'normal', true, true, 0, 0, false, false, now() - interval '90 days', now(), false, '', false
FROM generate_series(0, 59) n;
INSERT INTO api_tokens (id, app_id, type, token, last_used_at, created_at, tenant_id)
SELECT md5('key' || n)::uuid, md5('app' || n % 60)::uuid, 'app', 'app-' || md5('secret' || n), now(),
       now() - interval '80 days', md5('tenant' || n % 5)::uuid
FROM generate_series(0, 69) n;
INSERT INTO end_users (id, tenant_id, app_id, type, is_anonymous, session_id, created_at, updated_at)
SELECT md5('user' || n)::uuid, md5('tenant' || n % 5)::uuid, md5('app' || n % 50)::uuid, 'service_api', false, 'user-' || n,
       now(), now()
FROM generate_series(0, :'callers'::int - 1) n;
INSERT INTO messages (
    id, app_id, model_provider, model_id, conversation_id, inputs, query, message, message_tokens, message_unit_price,
    answer, answer_tokens, answer_unit_price, provider_response_latency, total_price, currency, from_source,
    from_end_user_id, created_at, updated_at, agent_based, message_price_unit, answer_price_unit, status, invoke_from,
    app_mode)
SELECT md5('message' || n)::uuid, md5('app' || n % 50)::uuid, 'langgenius/openai/openai', 'gpt-' || n % 4, md5('c' || n)::uuid,
       '{}', 'what was it', '[]', 300 + n % 700, 0.0025, 'an answer', 100 + n % 300, 0.0100, 1.5, 0.0041200, 'USD', 'api',
       md5('user' || n::bigint * 7919 % :'callers'::int)::uuid, made.at, made.at, false, 0.001, 0.001, 'normal',
       'service-api', 'chat'
FROM generate_series(0, :'messages'::bigint - 1) n
CROSS JOIN LATERAL (
    SELECT (now() AT TIME ZONE 'UTC') - (:'ended')::interval - (:'messages'::bigint - n) * (:'days'::int * interval '1 day' / greatest(:'messages'::bigint, 1)) AS at
) AS made;
INSERT INTO workflow_runs (
    id, tenant_id, app_id, workflow_id, type, triggered_from, version, graph, inputs, status, outputs, elapsed_time,
    total_tokens, total_steps, created_by_role, created_by, created_at, finished_at)
SELECT md5('run' || n)::uuid, md5('tenant' || (50 + n % 10) % 5)::uuid, md5('app' || 50 + n % 10)::uuid, md5('flow' || n % 10)::uuid,
       'workflow', 'app-run', '1', '{}', '{}', 'succeeded', '{}', 3, 1500, 5, 'end_user', md5('user' || n % :'callers'::int)::uuid,
       made.at, made.at + interval '3 seconds'
FROM generate_series(0, :'runs'::bigint - 1) n
CROSS JOIN LATERAL (
    SELECT (now() AT TIME ZONE 'UTC') - (:'ended')::interval - (:'runs'::bigint - n) * (:'days'::int * interval '1 day' / greatest(:'runs'::bigint, 1)) AS at
) AS made;
INSERT INTO workflow_node_executions (
    id, tenant_id, app_id, workflow_id, triggered_from, workflow_run_id, index, node_id, node_type, title, inputs,
    process_data, outputs, status, elapsed_time, execution_metadata, created_at, created_by_role, created_by, finished_at)
SELECT md5('node' || r.id::text || n)::uuid, r.tenant_id, r.app_id, r.workflow_id, 'workflow-run', r.id, n, 'node-' || n, 'llm',
       'Step ' || n, '{"question": "' || repeat('words ', 60) || '"}',
       '{"model_mode": "chat", "prompts": [{"role": "user", "text": "' || repeat('prompt ', 150)
       || '"}], "usage": {"prompt_tokens": 200, "completion_tokens": 100, "total_tokens": 300, "total_price": "0.00123",'
       || ' "currency": "USD"}, "model_provider": "langgenius/openai/openai", "model_name": "gpt-' || n % 4 || '"}',
       '{"text": "' || repeat('answer ', 100) || '"}', 'succeeded', 0.5,
       '{"total_tokens": 300, "total_price": "0.00123", "currency": "USD"}', r.created_at + n * interval '0.5 s',
       'end_user', r.created_by, r.created_at + n * interval '0.5 s'
FROM workflow_runs r
CROSS JOIN generate_series(0, 4) n;
ANALYZE
