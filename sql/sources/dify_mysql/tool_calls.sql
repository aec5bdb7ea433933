-- One row a model call that a builtin tool or plugin made by itself with the workspace's default model; never a text.
-- Reads tool_model_invokes whole, for it has no index on created_at and is small (the caller reads it once an hour),
-- end_users and accounts by primary key. Writes nothing. created_at and @since are the server's local time.
-- Rows with the ids come whatever their time is. @ids is a list in brackets.
SELECT
    i.id,
    i.tenant_id,
    i.provider,
    i.tool_type,
    i.tool_name,
    COALESCE(i.prompt_tokens, 0) AS input_tokens,
    COALESCE(i.answer_tokens, 0) AS output_tokens,
    COALESCE(i.total_price, 0) AS price,
    i.currency,
    i.created_at AS created_at_server,
    COALESCE((SELECT CONVERT(e.session_id USING utf8mb4) COLLATE utf8mb4_bin FROM end_users e WHERE e.id = i.user_id),
             (SELECT CONVERT(a.email USING utf8mb4) COLLATE utf8mb4_bin FROM accounts a
              WHERE a.id = i.user_id)) AS caller_id
FROM tool_model_invokes i
WHERE i.created_at >= @since OR i.id IN @ids
