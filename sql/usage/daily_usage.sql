-- One row a day and combination of project, key, caller, model and currency: sums of usage_event.
-- A residual is tokens, not a call of its own; estimates stand beside what was logged, never in it.
-- Reads usage.usage_event. Writes usage.daily_usage, whole days at a time (:days).
-- Safe to run twice: a day is removed and made again within the caller's transaction.
DELETE FROM usage.daily_usage WHERE usage_date = ANY(:'days'::date[]);

INSERT INTO usage.daily_usage (
    usage_date, source, tenant_id, environment, app_id, api_key_id, key_attribution, caller_kind, caller_id,
    provider, model, currency, calls, failed_calls, input_tokens,
    output_tokens, total_tokens, estimated_tokens, unpriced_tokens, cost, base_cost
)
SELECT e.usage_date, e.source, e.tenant_id, e.environment, e.app_id, e.api_key_id, e.key_attribution, e.caller_kind,
       e.caller_id, e.provider, e.model, e.currency,
       count(*) FILTER (WHERE e.basis = 'logged' AND e.event_id NOT LIKE 'residual:%'),
       count(*) FILTER (WHERE e.basis = 'logged' AND e.status = 'failed' AND e.event_id NOT LIKE 'residual:%'),
       coalesce(sum(e.input_tokens) FILTER (WHERE e.basis = 'logged'), 0),
       coalesce(sum(e.output_tokens) FILTER (WHERE e.basis = 'logged'), 0),
       coalesce(sum(e.total_tokens) FILTER (WHERE e.basis = 'logged'), 0),
       coalesce(sum(e.total_tokens) FILTER (WHERE e.basis = 'estimated'), 0),
       coalesce(sum(e.total_tokens) FILTER (WHERE e.basis = 'logged' AND e.base_cost IS NULL), 0),
       coalesce(sum(e.cost) FILTER (WHERE e.basis = 'logged'), 0),
       coalesce(sum(e.base_cost) FILTER (WHERE e.basis = 'logged'), 0)
FROM usage.usage_event e
WHERE e.usage_date = ANY(:'days'::date[])
GROUP BY e.usage_date, e.source, e.tenant_id, e.environment, e.app_id, e.api_key_id, e.key_attribution, e.caller_kind,
       e.caller_id, e.provider, e.model, e.currency
-- By the sums above alone: each further one costs as much as they do. Nothing estimated is without tokens.
HAVING count(*) FILTER (WHERE e.basis = 'logged' AND e.event_id NOT LIKE 'residual:%') > 0
       OR coalesce(sum(e.total_tokens) FILTER (WHERE e.basis = 'logged'), 0) > 0
       OR coalesce(sum(e.total_tokens) FILTER (WHERE e.basis = 'estimated'), 0) > 0
       OR coalesce(sum(e.cost) FILTER (WHERE e.basis = 'logged'), 0) > 0;
