-- What has no price, and what no API key is known for, from :first to :last: tokens and calls a project and reason.
-- Reads report_usage (scope.sql). Writes nothing. key_attribution `shared`: several keys were alive, none is named.
SELECT 'unpriced' AS kind, d.project, coalesce(d.provider || '/', '') || d.model_name AS what,
       sum(d.calls)::bigint AS calls, sum(d.unpriced_tokens)::bigint AS total_tokens, 0::numeric AS base_cost
FROM report_usage d
WHERE d.usage_date BETWEEN :'first'::date AND :'last'::date AND d.unpriced_tokens > 0
GROUP BY d.source, d.app_id, d.project, d.provider, d.model_name
UNION ALL
SELECT 'unattributed', d.project, d.key_attribution, sum(d.calls)::bigint, sum(d.total_tokens)::bigint, sum(d.base_cost)
FROM report_usage d
WHERE d.usage_date BETWEEN :'first'::date AND :'last'::date AND d.key_attribution = 'shared'
GROUP BY d.source, d.app_id, d.project, d.key_attribution
ORDER BY 1, 5 DESC, 2, 3
