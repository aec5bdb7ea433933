-- What one value of a budget spent by hour or day of its period so far, and in the mean of spans before it, each :step
-- earlier than the one after it, that any usage is known of. Reads usage.usage_event of :days (:in_scope is of
-- sql/budgets/, joined to the spans). Writes nothing.
WITH span AS MATERIALIZED (
    SELECT n, :'period_start'::timestamptz - n * :'step'::interval AS begins,
           :'period_end'::timestamptz - n * :'step'::interval AS ends
    FROM generate_series(0, :'spans'::integer) AS n
), taken AS MATERIALIZED (
    SELECT s.n,
           floor(extract(epoch FROM d.occurred_at - s.begins) / extract(epoch FROM :'bucket'::interval))::integer AS bucket,
           sum(CASE :'measure' WHEN 'tokens' THEN d.total_tokens WHEN 'input_tokens' THEN d.input_tokens
                               WHEN 'output_tokens' THEN d.output_tokens WHEN 'cost' THEN coalesce(d.base_cost, 0)
                               ELSE (d.event_id NOT LIKE 'residual:%')::integer END) AS amount
    :in_scope
      AND d.usage_date = ANY (:'days'::date[]) AND d.basis = 'logged'
    GROUP BY 1, 2
), known AS (
    SELECT greatest(count(DISTINCT n), 1) AS spans FROM taken WHERE n > 0
)
SELECT b.bucket, coalesce(max(t.amount) FILTER (WHERE t.n = 0), 0) AS spent,
       coalesce(sum(t.amount) FILTER (WHERE t.n > 0), 0) / (SELECT spans FROM known) AS usual
FROM generate_series(0, :'buckets'::integer - 1) AS b (bucket)
LEFT JOIN taken t USING (bucket)
GROUP BY b.bucket
ORDER BY b.bucket
