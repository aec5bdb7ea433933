-- Sums of each day from :first to :last, days without usage included. Reads report_usage (scope.sql). Writes nothing.
SELECT day::date, coalesce(sum(d.calls), 0)::bigint, coalesce(sum(d.failed_calls), 0)::bigint,
       coalesce(sum(d.input_tokens), 0)::bigint, coalesce(sum(d.output_tokens), 0)::bigint,
       coalesce(sum(d.total_tokens), 0)::bigint, coalesce(sum(d.estimated_tokens), 0)::bigint,
       coalesce(sum(d.unpriced_tokens), 0)::bigint, coalesce(sum(d.base_cost), 0)
FROM generate_series(:'first'::date::timestamp, :'last'::date::timestamp, interval '1 day') AS day
LEFT JOIN report_usage d ON d.usage_date = day::date
GROUP BY day
ORDER BY day
