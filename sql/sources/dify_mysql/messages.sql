-- One row a message: who asked, what it cost, and the sums of an agent's thoughts beside it; never a text. Of an answer
-- that was stopped (:stopped), for which Dify logs no tokens, the lengths in bytes of prompt and answer and the prices a
-- token.
-- Reads messages along an index on created_at (:index names it) or by primary key (the caller sets :selection),
-- conversations, end_users and accounts by primary key, message_agent_thoughts by message_id (:thought_index).
-- Writes nothing.
-- created_at is the server's local time. A column that this Dify lacks is replaced by NULL before the statement is sent.
-- In the mysql client:
--   sed "s/:selection/m.created_at > NOW() - INTERVAL 1 HOUR/; s/:stopped/0/; s/:[a-z_]*index//g" messages.sql | mysql dify
SELECT
    m.id,
    m.app_id,
    COALESCE(CONVERT(m.app_mode USING utf8mb4) COLLATE utf8mb4_bin,
             (SELECT CONVERT(c.mode USING utf8mb4) COLLATE utf8mb4_bin FROM conversations c
              WHERE c.id = m.conversation_id)) AS mode,
    m.workflow_run_id AS run_id,
    m.model_provider AS provider,
    m.model_id AS model,
    COALESCE(m.message_tokens, 0) AS input_tokens,
    COALESCE(m.answer_tokens, 0) AS output_tokens,
    COALESCE(m.total_price, 0) AS price,
    m.currency AS currency,
    COALESCE(m.status, 'normal') AS status,
    m.invoke_from AS invoke_from,
    m.from_source AS from_source,
    COALESCE(m.answer <> '', 0) AS has_answer,
    (COALESCE(m.message_unit_price, 0) > 0 OR COALESCE(m.answer_unit_price, 0) > 0) AS has_unit_price,
    m.created_at AS created_at_server,
    e.type AS user_type,
    e.session_id AS user_session,
    e.app_id AS user_app_id,
    (SELECT a.email FROM accounts a WHERE a.id = m.from_account_id) AS account_email,
    CASE WHEN m.workflow_run_id IS NULL THEN
        (SELECT SUM(COALESCE(t.tokens, COALESCE(t.message_token, 0) + COALESCE(t.answer_token, 0)))
         FROM message_agent_thoughts t :thought_index WHERE t.message_id = m.id) END AS thought_tokens,
    CASE WHEN m.workflow_run_id IS NULL THEN
        (SELECT SUM(COALESCE(t.message_token, 0))
         FROM message_agent_thoughts t :thought_index WHERE t.message_id = m.id) END AS thought_input_tokens,
    CASE WHEN m.workflow_run_id IS NULL THEN
        (SELECT SUM(COALESCE(t.answer_token, 0))
         FROM message_agent_thoughts t :thought_index WHERE t.message_id = m.id) END AS thought_output_tokens,
    CASE WHEN m.workflow_run_id IS NULL THEN
        (SELECT SUM(COALESCE(t.total_price, 0))
         FROM message_agent_thoughts t :thought_index WHERE t.message_id = m.id) END AS thought_price,
    CASE WHEN m.workflow_run_id IS NULL THEN
        (SELECT MAX(t.currency)
         FROM message_agent_thoughts t :thought_index WHERE t.message_id = m.id AND COALESCE(t.tokens, 0) > 0) END AS thought_currency,
    CASE WHEN :stopped THEN OCTET_LENGTH(CONVERT(m.answer USING utf8mb4)) END AS answer_octets,
    CASE WHEN :stopped THEN COALESCE(
        (SELECT SUM(OCTET_LENGTH(CONVERT(part.said USING utf8mb4)))
         FROM JSON_TABLE(IF(JSON_VALID(m.message), m.message, '[]'), '$[*]'
                         COLUMNS (said longtext PATH '$.text')) AS part),
        OCTET_LENGTH(CONVERT(m.query USING utf8mb4))) END AS prompt_octets,
    CASE WHEN :stopped THEN m.message_unit_price * m.message_price_unit END AS input_price,
    CASE WHEN :stopped THEN m.answer_unit_price * m.answer_price_unit END AS output_price
FROM messages m :index
LEFT JOIN end_users e ON e.id = m.from_end_user_id
WHERE :selection
