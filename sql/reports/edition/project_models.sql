-- What each project spent on each model from :first to :last. Reads report_usage (scope.sql). Writes nothing.
SELECT d.project, d.tenant, d.provider, d.model, sum(d.input_tokens)::bigint AS input_tokens,
       sum(d.output_tokens)::bigint AS output_tokens, sum(d.base_cost) AS base_cost
FROM report_usage d
WHERE d.usage_date BETWEEN :'first'::date AND :'last'::date AND d.base_cost > 0
GROUP BY d.source, d.app_id, d.project, d.tenant, d.provider, d.model
ORDER BY sum(d.base_cost) DESC
