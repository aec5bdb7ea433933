-- Dify's own sums over its messages, an app and quarter of an hour a row, made on Dify's server; with a digest of the
-- rows that make a usage event, so that a day is compared without moving its rows.
-- Reads messages along (created_at, id) or (created_at), conversations and apps by primary key, message_agent_thoughts
-- by message_id. Writes nothing. Columns that an older Dify lacks resolve to the row `lacking`.
-- The digest is the sum of 56 bits of each row's md5: the order of rows does not matter, a doubled row does.
-- In psql: psql -v since='2026-11-24' -v until='2026-11-25' -f message_sums.sql
SELECT
    'message'::text AS kind,
    NULL::text AS tenant_id,
    f.app_id::text,
    to_timestamp(floor(extract(epoch FROM f.created_at) / 900) * 900)::timestamptz AS slot,
    count(*)::bigint AS rows,
    coalesce(sum(f.tokens), 0)::bigint AS tokens,
    coalesce(sum(f.tokens) FILTER (WHERE NOT f.is_unit), 0)::bigint AS rolled_up_tokens,
    coalesce(sum(f.thought_tokens - f.tokens) FILTER (WHERE f.is_unit AND f.thoughts_larger), 0)::bigint
        AS thought_tokens,
    count(*) FILTER (WHERE f.is_unit)::bigint AS units,
    coalesce(sum(('x' || left(md5(
        'message:' || f.id || '|'
        || CASE WHEN f.thoughts_larger THEN f.thought_input_tokens ELSE f.input_tokens END || '|'
        || CASE WHEN f.thoughts_larger THEN f.thought_output_tokens ELSE f.output_tokens END || '|'
        || CASE WHEN f.thoughts_larger THEN f.thought_tokens ELSE f.tokens END || '|'
        || round(CASE WHEN f.thoughts_larger THEN f.thought_price ELSE f.price END, 12) || '|'
        || to_char(f.created_at, 'YYYYMMDDHH24MISSUS')
    ), 14))::bit(56)::bigint) FILTER (WHERE f.is_unit), 0)::numeric AS digest
FROM (
    SELECT m.*, m.input_tokens + m.output_tokens AS tokens,
           coalesce(m.thought_tokens, 0) > m.input_tokens + m.output_tokens AS thoughts_larger,
           m.run_id IS NULL AND coalesce(m.mode, '') NOT IN ('advanced-chat', 'workflow') AS is_unit
    FROM (
        SELECT NULL::text AS app_mode, NULL::uuid AS workflow_run_id, NULL::numeric AS total_price
    ) AS lacking
    CROSS JOIN LATERAL (
        SELECT m.id, m.app_id, m.created_at, workflow_run_id AS run_id,
               coalesce(m.message_tokens, 0)::bigint AS input_tokens,
               coalesce(m.answer_tokens, 0)::bigint AS output_tokens,
               coalesce(total_price, 0)::numeric AS price,
               coalesce(app_mode::text,
                        (SELECT c.mode::text FROM conversations c WHERE c.id = m.conversation_id),
                        (SELECT a.mode::text FROM apps a WHERE a.id = m.app_id)) AS mode,
               thoughts.*
        FROM messages m
        LEFT JOIN LATERAL (
            SELECT sum(coalesce(t.tokens, coalesce(t.message_token, 0)::bigint + coalesce(t.answer_token, 0)))
                       AS thought_tokens,
                   sum(coalesce(t.message_token, 0)) AS thought_input_tokens,
                   sum(coalesce(t.answer_token, 0)) AS thought_output_tokens,
                   sum(coalesce(t.total_price, 0))::numeric AS thought_price
            FROM message_agent_thoughts t
            WHERE t.message_id = m.id
        ) AS thoughts ON workflow_run_id IS NULL
        WHERE m.created_at >= :'since'::timestamp AND m.created_at < :'until'::timestamp
    ) AS m
    -- What cannot be counted is set aside (sql/ingest/set_aside.sql): no sum holds it.
    WHERE m.run_id IS NOT NULL
       OR (m.input_tokens >= 0 AND m.output_tokens >= 0 AND m.price BETWEEN 0 AND 1000000000
           AND coalesce(m.thought_tokens, 0) >= 0 AND coalesce(m.thought_input_tokens, 0) >= 0
           AND coalesce(m.thought_output_tokens, 0) >= 0 AND coalesce(m.thought_price, 0) BETWEEN 0 AND 1000000000)
) AS f
GROUP BY f.app_id, slot
