-- One usage event a row of a completion log: the log's own id, time and figures.
-- Reads stage_log. Writes stage_event. Rows without an id or a time that can be read make none (they are problems);
-- of rows that share an id, the newest stands. A missing or unreadable figure is zero.
INSERT INTO stage_event (
    event_id, tenant_id, app_id, app_mode, caller_kind, caller_id, provider, model, input_tokens, output_tokens,
    total_tokens, logged_cost, logged_currency, basis, status, occurred_at, logged_api_key_id
)
SELECT DISTINCT ON (l.id)
    l.id, l.tenant, l.app, 'log', 'api', l.caller, l.provider, l.model, figure.input_tokens, figure.output_tokens,
    figure.input_tokens + figure.output_tokens, CASE WHEN usage.can_cost(usage.as_number(l.cost)) THEN usage.as_number(l.cost) ELSE 0 END, l.currency, 'logged',
    CASE
        WHEN l.status ~ '^[1-5][0-9][0-9]$' THEN CASE WHEN l.status < '400' THEN 'succeeded' ELSE 'failed' END
        WHEN l.status IN ('failed', 'fail', 'failure', 'error', 'exception', 'timeout', 'false') THEN 'failed'
        WHEN l.status IN ('stopped', 'cancelled', 'canceled', 'aborted', 'interrupted') THEN 'stopped'
        WHEN l.status IN ('running', 'pending', 'processing', 'in_progress', 'started') THEN 'running'
        WHEN l.status = 'paused' THEN 'paused'
        ELSE 'succeeded'
    END,
    l.created_at, l.key_id
FROM stage_log l
CROSS JOIN LATERAL (
    SELECT coalesce(usage.as_tokens(l.input_tokens), 0) AS input_tokens,
           coalesce(usage.as_tokens(l.output_tokens), 0) AS output_tokens
) AS figure
WHERE l.id IS NOT NULL AND l.created_at IS NOT NULL
ORDER BY l.id, l.created_at DESC;
