-- What each workflow node, and what is outside of nodes, spent on each model from :first to :last, the costliest first.
-- Reads report_node_usage (scope.sql). Writes nothing.
SELECT d.source || '/' || d.app_id AS key, max(d.project) AS project, max(d.tenant) AS tenant,
       coalesce(max(d.node_title), d.node_id, '(no node)') AS node, d.provider, d.model, sum(d.calls)::bigint AS calls,
       sum(d.input_tokens)::bigint AS input_tokens, sum(d.output_tokens)::bigint AS output_tokens,
       sum(d.total_tokens)::bigint AS total_tokens, sum(d.base_cost) AS base_cost
FROM report_node_usage d
WHERE d.usage_date BETWEEN :'first'::date AND :'last'::date
GROUP BY d.source, d.app_id, d.node_id, d.provider, d.model
ORDER BY sum(d.base_cost) DESC, 1, d.node_id, d.model
