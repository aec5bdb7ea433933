-- What each workflow node spent from :first to :last; messages and residuals have no node and stand under their project.
-- Reads report_node_usage (scope.sql). Writes nothing. The costliest first, then the most tokens.
SELECT 'node', d.source || '/' || d.app_id || '/' || coalesce(d.node_id, ''),
       coalesce(max(d.node_title), d.node_id, '(no node)'), max(d.project), sum(d.calls)::bigint,
       sum(d.failed_calls)::bigint, sum(d.input_tokens)::bigint, sum(d.output_tokens)::bigint,
       sum(d.total_tokens)::bigint, sum(d.estimated_tokens)::bigint, sum(d.unpriced_tokens)::bigint, sum(d.base_cost)
FROM report_node_usage d
WHERE d.usage_date BETWEEN :'first'::date AND :'last'::date
GROUP BY d.source, d.app_id, d.node_id
ORDER BY sum(d.base_cost) DESC, sum(d.total_tokens) DESC, 2
