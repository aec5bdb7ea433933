-- What each workflow node spent from :first to :last; messages and residuals have no node and stand under their project.
-- Reads report_node_usage (scope.sql). Writes nothing. The costliest first, then the most tokens.
SELECT 'node' AS dimension, d.source || '/' || d.app_id || '/' || coalesce(d.node_id, '') AS key,
       coalesce(max(d.node_title), d.node_id, '(no node)') AS name, max(d.project) AS belongs_to,
       sum(d.calls)::bigint AS calls, sum(d.failed_calls)::bigint AS failed_calls,
       sum(d.input_tokens)::bigint AS input_tokens, sum(d.output_tokens)::bigint AS output_tokens,
       sum(d.total_tokens)::bigint AS total_tokens, sum(d.estimated_tokens)::bigint AS estimated_tokens,
       sum(d.unpriced_tokens)::bigint AS unpriced_tokens, sum(d.base_cost) AS base_cost
FROM report_node_usage d
WHERE d.usage_date BETWEEN :'first'::date AND :'last'::date
GROUP BY d.source, d.app_id, d.node_id
ORDER BY sum(d.base_cost) DESC, sum(d.total_tokens) DESC, 2
