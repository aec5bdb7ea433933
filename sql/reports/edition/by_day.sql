-- Sums of each day from :first to :last, days without usage included. Reads report_usage (scope.sql). Writes nothing.
SELECT day::date AS usage_date,
       coalesce(sum(d.calls), 0)::bigint AS calls,
       coalesce(sum(d.failed_calls), 0)::bigint AS failed_calls,
       coalesce(sum(d.input_tokens), 0)::bigint AS input_tokens,
       coalesce(sum(d.output_tokens), 0)::bigint AS output_tokens,
       coalesce(sum(d.total_tokens), 0)::bigint AS total_tokens,
       coalesce(sum(d.estimated_tokens), 0)::bigint AS estimated_tokens,
       coalesce(sum(d.unpriced_tokens), 0)::bigint AS unpriced_tokens,
       coalesce(sum(d.base_cost), 0) AS base_cost
FROM generate_series(:'first'::date::timestamp, :'last'::date::timestamp, interval '1 day') AS day
LEFT JOIN report_usage d ON d.usage_date = day::date
GROUP BY day
ORDER BY day
