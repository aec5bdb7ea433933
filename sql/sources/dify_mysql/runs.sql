-- One row a workflow run (workflow, chatflow, RAG pipeline): its own total, who started it and from where; never a text.
-- Reads workflow_runs along an index on created_at (:index names it, where there is one) or by primary key (the caller
-- sets :selection), end_users and accounts by primary key, and workflow_app_logs by workflow_run_id where that is
-- indexed (:created_from). Writes nothing. Its times are written by the application, in UTC.
-- In the mysql client: sed "s/:selection/r.id = '...'/; s/:created_from/NULL/; s/:index//" runs.sql | mysql dify
SELECT
    r.id,
    r.tenant_id,
    r.app_id,
    r.workflow_id,
    r.type,
    r.triggered_from,
    r.status,
    COALESCE(r.total_tokens, 0) AS total_tokens,
    r.created_at,
    r.finished_at,
    :created_from AS created_from,
    e.type AS user_type,
    e.session_id AS user_session,
    e.app_id AS user_app_id,
    CASE WHEN r.created_by_role = 'account' THEN
        (SELECT a.email FROM accounts a WHERE a.id = r.created_by) END AS account_email,
    r.created_by AS creator_id
FROM workflow_runs r :index
LEFT JOIN end_users e ON r.created_by_role = 'end_user' AND e.id = r.created_by
WHERE :selection
