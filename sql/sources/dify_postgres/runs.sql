-- One row a workflow run (workflow, chatflow, RAG pipeline): its own total, who started it and from where; never a text.
-- Reads workflow_runs along (created_at, id) or by primary key (the caller sets :selection), end_users and accounts by
-- primary key, and workflow_app_logs by workflow_run_id where that is indexed (:created_from). Writes nothing.
-- In psql: psql -v selection="r.created_at > now() - interval '1 hour'" -v created_from=NULL -f runs.sql
SELECT
    r.id::text,
    r.tenant_id::text,
    r.app_id::text,
    r.workflow_id::text,
    r.type::text,
    r.triggered_from::text,
    r.status::text,
    coalesce(r.total_tokens, 0)::bigint AS total_tokens,
    (r.created_at AT TIME ZONE 'UTC')::timestamptz AS created_at,
    (r.finished_at AT TIME ZONE 'UTC')::timestamptz AS finished_at,
    (:created_from)::text AS created_from,
    caller.type::text AS user_type,
    caller.session_id::text AS user_session,
    caller.app_id::text AS user_app_id,
    (SELECT a.email::text FROM accounts a WHERE r.created_by_role = 'account' AND a.id = r.created_by) AS account_email,
    r.created_by::text AS creator_id
FROM workflow_runs r
LEFT JOIN LATERAL (
    SELECT e.type, e.session_id, e.app_id FROM end_users e WHERE r.created_by_role = 'end_user' AND e.id = r.created_by
) AS caller ON true
WHERE :selection
