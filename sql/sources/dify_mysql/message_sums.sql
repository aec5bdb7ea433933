-- Dify's own sums over its messages, an app and quarter of an hour a row, made on Dify's server; with a digest of the
-- rows that make a usage event, so that a day is compared without moving its rows.
-- Reads messages along an index on created_at (:index names it), message_agent_thoughts by message_id (:thought_index),
-- conversations and apps by primary key. Writes nothing.
-- created_at, @since, @until and slot_server are the server's local time; :offset is what it is ahead of UTC, in seconds.
-- A column that this Dify lacks is replaced by NULL before the statement is sent.
-- The digest is the sum of 56 bits of each row's md5, as sql/sources/dify_postgres/message_sums.sql makes it: the order
-- of rows does not matter, a doubled row does.
SELECT
    'message' AS kind,
    f.app_id,
    TIMESTAMPADD(MINUTE, TIMESTAMPDIFF(MINUTE, TIMESTAMP('2000-01-01'), f.at_server) DIV 15 * 15,
                 TIMESTAMP('2000-01-01')) AS slot_server,
    COUNT(*) AS `rows`,
    COALESCE(SUM(f.tokens), 0) AS tokens,
    COALESCE(SUM(CASE WHEN NOT f.is_unit THEN f.tokens END), 0) AS rolled_up_tokens,
    COALESCE(SUM(CASE WHEN f.is_unit AND f.thoughts_larger THEN f.thought_tokens - f.tokens END), 0) AS thought_tokens,
    COALESCE(SUM(f.is_unit), 0) AS units,
    COALESCE(SUM(CASE WHEN f.is_unit THEN CAST(CONV(LEFT(MD5(CONCAT(
        'message:', f.id,
        '|', CASE WHEN f.thoughts_larger THEN f.thought_input_tokens ELSE f.input_tokens END,
        '|', CASE WHEN f.thoughts_larger THEN f.thought_output_tokens ELSE f.output_tokens END,
        '|', CASE WHEN f.thoughts_larger THEN f.thought_tokens ELSE f.tokens END,
        '|', CAST(CASE WHEN f.thoughts_larger THEN f.thought_price ELSE f.price END AS DECIMAL(40, 12)),
        '|', REGEXP_REPLACE(CAST(TIMESTAMPADD(SECOND, -(:offset), CAST(f.at_server AS DATETIME(6))) AS CHAR), '[^0-9]', '')
    )), 14), 16, 10) AS UNSIGNED) END), 0) AS digest
FROM (
    SELECT s.*, s.input_tokens + s.output_tokens AS tokens,
           s.thought_tokens > s.input_tokens + s.output_tokens AS thoughts_larger,
           s.run_id IS NULL AND s.mode NOT IN ('advanced-chat', 'workflow') AS is_unit
    FROM (
        SELECT m.id, m.app_id, m.created_at AS at_server, m.workflow_run_id AS run_id,
               COALESCE(m.message_tokens, 0) AS input_tokens,
               COALESCE(m.answer_tokens, 0) AS output_tokens,
               COALESCE(m.total_price, 0) AS price,
               COALESCE(CONVERT(m.app_mode USING utf8mb4) COLLATE utf8mb4_bin,
                        (SELECT CONVERT(c.mode USING utf8mb4) COLLATE utf8mb4_bin FROM conversations c
                         WHERE c.id = m.conversation_id),
                        (SELECT CONVERT(a.mode USING utf8mb4) COLLATE utf8mb4_bin FROM apps a
                         WHERE a.id = m.app_id), '') AS mode,
               COALESCE(SUM(COALESCE(t.tokens, COALESCE(t.message_token, 0) + COALESCE(t.answer_token, 0))), 0)
                   AS thought_tokens,
               COALESCE(SUM(COALESCE(t.message_token, 0)), 0) AS thought_input_tokens,
               COALESCE(SUM(COALESCE(t.answer_token, 0)), 0) AS thought_output_tokens,
               COALESCE(SUM(COALESCE(t.total_price, 0)), 0) AS thought_price
        FROM messages m :index
        LEFT JOIN message_agent_thoughts t :thought_index ON t.message_id = m.id AND m.workflow_run_id IS NULL
        WHERE m.created_at >= @since AND m.created_at < @until
        GROUP BY m.id
    ) AS s
    -- What cannot be counted is set aside (sql/ingest/set_aside.sql): no sum holds it.
    WHERE s.run_id IS NOT NULL
       OR (s.input_tokens >= 0 AND s.output_tokens >= 0 AND s.price BETWEEN 0 AND 1000000000
           AND s.thought_tokens >= 0 AND s.thought_input_tokens >= 0 AND s.thought_output_tokens >= 0
           AND s.thought_price BETWEEN 0 AND 1000000000)
) AS f
GROUP BY f.app_id, slot_server
