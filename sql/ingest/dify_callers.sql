-- Says who made each staged run: by entry point first, then by the end user or account behind it.
-- Reads stage_run, message_caller, usage.run_ledger. Writes the temporary table run_caller.
-- Order of the tests: trigger, debug, explore, web app, MCP, nested tool, API. Safe to run twice.
-- Who was known once stays known when Dify has deleted the end user or account since.
-- 'openapi' (Dify 1.15) is a caller with a token of its own, not with an app's key: it is kept apart from 'api'.
INSERT INTO run_caller
SELECT DISTINCT ON (r.id) r.id,
    CASE
        WHEN r.triggered_from IN ('webhook', 'schedule', 'plugin') THEN 'trigger'
        WHEN r.triggered_from IN ('debugging', 'single-step', 'rag-pipeline-debugging') THEN 'debug'
        WHEN r.triggered_from = 'rag-pipeline-run' THEN 'indexing'
        WHEN known.caller_id IS NOT NULL AND coalesce(m.caller_id, r.user_session, r.account_email) IS NULL
        THEN known.caller_kind
        WHEN m.kind IS NOT NULL THEN m.kind
        -- The message that said who asked may have been read, and deleted, long ago; so may the caller's own row, which
        -- goes with the app that called this one as a tool.
        WHEN known.caller_kind IS NOT NULL
             AND (r.created_from IS NULL OR (r.user_type IS NULL AND r.account_email IS NULL)) THEN known.caller_kind
        WHEN r.created_from = 'installed-app' THEN 'explore'
        WHEN r.created_from = 'web-app' THEN 'web_app'
        -- Where the log of runs cannot be read by run, the visitor's own kind decides.
        WHEN r.created_from IS NULL AND r.user_type = 'browser' THEN 'web_app'
        WHEN r.user_type = 'mcp' THEN 'mcp'
        WHEN r.user_app_id IS NOT NULL AND r.user_app_id <> r.app_id THEN 'nested'
        WHEN r.created_from = 'openapi' OR r.user_type = 'openapi' THEN 'openapi'
        -- An API key's caller is an end user: an account there is what a schedule's run called as a tool.
        WHEN r.created_from = 'service-api' AND r.account_email IS NOT NULL THEN 'nested'
        WHEN r.created_from = 'service-api' THEN 'api'
        WHEN r.user_type = 'browser' THEN 'web_app'
        WHEN r.user_type IN ('service-api', 'service_api') THEN 'api'
        WHEN r.account_email IS NOT NULL THEN 'explore'
        ELSE 'unknown'
    END,
    CASE
        WHEN r.triggered_from IN ('webhook', 'schedule', 'plugin') THEN r.triggered_from
        ELSE coalesce(m.caller_id, r.user_session, r.account_email, known.caller_id)
    END
FROM stage_run r
LEFT JOIN message_caller m ON m.run_id = r.id
LEFT JOIN usage.run_ledger known ON known.source = :'source' AND known.run_id = r.id
ORDER BY r.id, m.id;
