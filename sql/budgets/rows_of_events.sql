-- A fragment: what was used, a row an event, for budgets by the hour or by node; a zone's hours begin at quarters of an
-- hour at the finest. Reads usage.usage_event along usage_date.
SELECT d.usage_date, date_bin('15 minutes', d.occurred_at, '2000-01-01 00:00Z') AS starts_at, :columns_of_events,
       (d.basis = 'logged' AND d.event_id NOT LIKE 'residual:%')::integer AS calls,
       CASE d.basis WHEN 'logged' THEN d.input_tokens ELSE 0 END AS input_tokens,
       CASE d.basis WHEN 'logged' THEN d.output_tokens ELSE 0 END AS output_tokens,
       CASE d.basis WHEN 'logged' THEN d.total_tokens ELSE 0 END AS total_tokens,
       CASE d.basis WHEN 'estimated' THEN d.total_tokens ELSE 0 END AS estimated_tokens,
       CASE d.basis WHEN 'logged' THEN coalesce(d.base_cost, 0) ELSE 0 END AS base_cost
FROM usage.usage_event d
WHERE d.usage_date = ANY (:'days'::date[])
