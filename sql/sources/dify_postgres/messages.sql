-- One row a message: who asked, what it cost, and the sums of an agent's thoughts beside it; never a text. Of an answer
-- that was stopped, for which Dify logs no tokens, the lengths in bytes of prompt and answer and the prices a token.
-- Reads messages along (created_at, id) or by primary key (the caller sets :selection), end_users, accounts and
-- conversations by primary key, message_agent_thoughts by message_id. Writes nothing.
-- Columns that an older or newer Dify lacks resolve to the row `lacking`, so that the rest is still read.
-- In psql: psql -v selection="m.created_at > now() - interval '1 hour'" -f messages.sql
SELECT m.* FROM (
    SELECT NULL::text AS app_mode, NULL::text AS invoke_from, NULL::text AS from_source, NULL::uuid AS workflow_run_id,
           NULL::text AS model_provider, NULL::text AS model_id, NULL::numeric AS total_price, NULL::text AS currency,
           0::numeric AS message_unit_price, 0::numeric AS answer_unit_price, 0::numeric AS message_price_unit,
           0::numeric AS answer_price_unit, 'normal'::text AS status,
           NULL::uuid AS from_end_user_id, NULL::uuid AS from_account_id
) AS lacking
CROSS JOIN LATERAL (
    SELECT
        m.id::text,
        m.app_id::text,
        coalesce(app_mode::text,
                 (SELECT c.mode::text FROM conversations c WHERE c.id = m.conversation_id)) AS mode,
        workflow_run_id::text AS run_id,
        model_provider::text AS provider,
        model_id::text AS model,
        coalesce(m.message_tokens, 0)::bigint AS input_tokens,
        coalesce(m.answer_tokens, 0)::bigint AS output_tokens,
        coalesce(total_price, 0)::numeric AS price,
        currency::text,
        status::text,
        invoke_from::text,
        from_source::text,
        (m.answer <> '') AS has_answer,
        (coalesce(message_unit_price, 0) > 0 OR coalesce(answer_unit_price, 0) > 0) AS has_unit_price,
        (m.created_at AT TIME ZONE 'UTC')::timestamptz AS created_at,
        caller.type::text AS user_type,
        caller.session_id::text AS user_session,
        caller.app_id::text AS user_app_id,
        (SELECT a.email::text FROM accounts a WHERE a.id = from_account_id) AS account_email,
        thoughts.sum_tokens::bigint AS thought_tokens,
        thoughts.sum_input_tokens::bigint AS thought_input_tokens,
        thoughts.sum_output_tokens::bigint AS thought_output_tokens,
        thoughts.sum_price::numeric AS thought_price,
        thoughts.sum_currency::text AS thought_currency,
        CASE WHEN stopped.yes THEN octet_length(m.answer) END::bigint AS answer_octets,
        CASE WHEN stopped.yes THEN coalesce(
            (SELECT sum(octet_length(part.json ->> 'text'))
             FROM json_array_elements(
                 -- Zero characters and halves of surrogate pairs are JSON that cannot be turned into text, nor is in a
                 -- database without an encoding what is beyond ASCII: a line break stands for each, also after a
                 -- backslash.
                 CASE WHEN json_typeof(m.message) = 'array'
                      THEN regexp_replace(
                          m.message::text,
                          CASE WHEN current_setting('server_encoding') = 'UTF8' THEN '\\u(0000|d[89a-f][0-9a-f]{2})'
                               ELSE '\\u(0000|00[89a-f][0-9a-f]|0[1-9a-f][0-9a-f]{2}|[1-9a-f][0-9a-f]{3})' END,
                          '\\n', 'gi')::json
                      ELSE '[]'::json END
             ) AS part (json) WHERE json_typeof(part.json) = 'object'),
            octet_length(m.query)) END::bigint AS prompt_octets,
        CASE WHEN stopped.yes THEN message_unit_price * message_price_unit END::numeric AS input_price,
        CASE WHEN stopped.yes THEN answer_unit_price * answer_price_unit END::numeric AS output_price
    FROM messages m
    LEFT JOIN LATERAL (
        SELECT e.type, e.session_id, e.app_id FROM end_users e WHERE e.id = from_end_user_id
    ) AS caller ON true
    LEFT JOIN LATERAL (
        SELECT sum(coalesce(t.tokens, coalesce(t.message_token, 0)::bigint + coalesce(t.answer_token, 0))) AS sum_tokens,
               sum(coalesce(t.message_token, 0)) AS sum_input_tokens,
               sum(coalesce(t.answer_token, 0)) AS sum_output_tokens,
               sum(coalesce(t.total_price, 0)) AS sum_price,
               max(t.currency) FILTER (WHERE coalesce(t.tokens, 0) > 0) AS sum_currency
        FROM message_agent_thoughts t
        WHERE t.message_id = m.id
    ) AS thoughts ON workflow_run_id IS NULL
    CROSS JOIN LATERAL (
        SELECT workflow_run_id IS NULL AND status = 'normal' AND coalesce(m.message_tokens, 0) = 0
               AND coalesce(m.answer_tokens, 0) = 0 AND m.answer <> ''
               AND (coalesce(message_unit_price, 0) > 0 OR coalesce(answer_unit_price, 0) > 0) AS yes
    ) AS stopped
    WHERE :selection
) AS m
