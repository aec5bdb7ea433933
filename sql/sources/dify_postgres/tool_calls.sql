-- One row a model call that a builtin tool or plugin made by itself with the workspace's default model; never a text.
-- Reads tool_model_invokes whole, for it has no index on created_at and is small (the caller reads it once an hour),
-- end_users and accounts by primary key. Writes nothing.
-- Rows with the ids come whatever their time is. In psql: psql -v since=2026-11-24 -v ids={} -f tool_calls.sql
SELECT
    i.id::text,
    i.tenant_id::text,
    i.provider::text,
    i.tool_type::text,
    i.tool_name::text,
    coalesce(i.prompt_tokens, 0)::bigint AS input_tokens,
    coalesce(i.answer_tokens, 0)::bigint AS output_tokens,
    coalesce(i.total_price, 0)::numeric AS price,
    i.currency::text,
    (i.created_at AT TIME ZONE 'UTC')::timestamptz AS created_at,
    coalesce((SELECT e.session_id FROM end_users e WHERE e.id = i.user_id),
             (SELECT a.email FROM accounts a WHERE a.id = i.user_id))::text AS caller_id
FROM tool_model_invokes i
WHERE i.created_at >= :'since'::timestamp OR i.id = ANY(:'ids'::uuid[])
