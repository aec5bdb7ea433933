-- What was spent from :first to :last by each tenant, environment, project, key, user and model, and in all ('total').
-- Reads report_usage (scope.sql). Writes nothing. The costliest first, then the most tokens.
SELECT part.dimension, part.key, max(part.name) AS name, max(part.belongs_to) AS belongs_to,
       sum(d.calls)::bigint AS calls, sum(d.failed_calls)::bigint AS failed_calls,
       sum(d.input_tokens)::bigint AS input_tokens, sum(d.output_tokens)::bigint AS output_tokens,
       sum(d.total_tokens)::bigint AS total_tokens, sum(d.estimated_tokens)::bigint AS estimated_tokens,
       sum(d.unpriced_tokens)::bigint AS unpriced_tokens, sum(d.base_cost) AS base_cost
FROM report_usage d
CROSS JOIN LATERAL (VALUES
    ('total', '', '', NULL),
    ('tenant', d.source || '/' || d.tenant_id, d.tenant, d.source),
    ('environment', d.environment, d.environment, NULL),
    ('project', d.source || '/' || d.app_id, d.project, d.tenant),
    ('api_key', coalesce(d.source || '/' || d.api_key_id, d.key_attribution || '/' || d.source || '/' || d.app_id),
                d.api_key, d.project),
    ('user', d.source || '/' || d.tenant_id || '/' || d.caller_kind || '/' || coalesce(d.caller_id, ''), d.caller,
             d.tenant),
    ('model', coalesce(d.provider, '') || '/' || coalesce(d.model, ''), d.model_name, d.provider)
) AS part (dimension, key, name, belongs_to)
WHERE d.usage_date BETWEEN :'first'::date AND :'last'::date
GROUP BY part.dimension, part.key
ORDER BY part.dimension, sum(d.base_cost) DESC, sum(d.total_tokens) DESC, part.key
