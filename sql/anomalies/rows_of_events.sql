-- A fragment: what was used in each span of an hour. Reads usage.usage_event along occurred_at.
SELECT s.k AS window_no, e.source, e.tenant_id, e.environment, e.app_id, e.api_key_id, e.caller_kind, e.caller_id, e.provider, e.model,
       e.node_id, e.node_title,
       (e.event_id NOT LIKE 'residual:%')::integer AS calls, e.input_tokens, e.output_tokens, e.total_tokens,
       coalesce(e.base_cost, 0) AS base_cost
FROM span s
CROSS JOIN LATERAL (
    SELECT * FROM usage.usage_event u
    WHERE u.occurred_at >= s.starts AND u.occurred_at < s.ends AND u.basis = 'logged'
    OFFSET 0
) AS e
