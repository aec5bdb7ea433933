-- A fragment: what was used, a row an event, for budgets by the hour or by node; a zone's hours begin at quarters of an
-- hour at the finest. Reads usage.usage_event along usage_date.
SELECT e.usage_date, date_bin('15 minutes', e.occurred_at, '2000-01-01 00:00Z') AS starts_at, e.source, e.tenant_id,
       e.environment, e.app_id, e.api_key_id, e.caller_kind, e.caller_id, e.provider, e.model, e.node_id, e.node_title,
       (e.basis = 'logged' AND e.event_id NOT LIKE 'residual:%')::integer AS calls,
       CASE e.basis WHEN 'logged' THEN e.input_tokens ELSE 0 END AS input_tokens,
       CASE e.basis WHEN 'logged' THEN e.output_tokens ELSE 0 END AS output_tokens,
       CASE e.basis WHEN 'logged' THEN e.total_tokens ELSE 0 END AS total_tokens,
       CASE e.basis WHEN 'estimated' THEN e.total_tokens ELSE 0 END AS estimated_tokens,
       CASE e.basis WHEN 'logged' THEN coalesce(e.base_cost, 0) ELSE 0 END AS base_cost
FROM usage.usage_event e
WHERE e.usage_date = ANY (:'days'::date[])
