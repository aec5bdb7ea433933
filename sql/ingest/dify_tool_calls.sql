-- One usage event a model call that a tool made by itself. Dify does not say for which app: each workspace has one
-- project for them (own_projects.sql). Reads stage_tool_call. Writes stage_event. Safe to run twice.
INSERT INTO stage_event (
    event_id, tenant_id, app_id, app_mode, node_type, node_title, caller_kind, caller_id, provider, input_tokens,
    output_tokens, total_tokens, logged_cost, logged_currency, basis, status, occurred_at
)
SELECT 'tool_call:' || c.id, c.tenant_id, 'tools:' || c.tenant_id, 'tools', 'tool', c.tool_name, 'tool', c.caller_id,
       c.provider, c.input_tokens, c.output_tokens, c.input_tokens + c.output_tokens, c.price, c.currency, 'logged',
       -- The row is inserted before the call and updated after it.
       CASE WHEN c.output_tokens > 0 THEN 'succeeded' ELSE 'running' END, c.created_at
FROM stage_tool_call c;
