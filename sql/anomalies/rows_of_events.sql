-- A fragment: what was used in each span of an hour. Reads usage.usage_event along occurred_at.
SELECT s.k AS window_no, :columns_of_events,
       (d.event_id NOT LIKE 'residual:%')::integer AS calls, d.input_tokens, d.output_tokens, d.total_tokens,
       coalesce(d.base_cost, 0) AS base_cost
FROM span s
CROSS JOIN LATERAL (
    SELECT * FROM usage.usage_event u
    WHERE u.occurred_at >= s.starts AND u.occurred_at < s.ends AND u.basis = 'logged'
    OFFSET 0
) AS d
