-- One row a day, provider, model and currency: sums of daily_usage.
-- Reads usage.daily_usage. Writes usage.daily_model_usage, whole days at a time (:days).
-- Safe to run twice: a day is removed and made again within the caller's transaction.
DELETE FROM usage.daily_model_usage WHERE usage_date = ANY(:'days'::date[]);

INSERT INTO usage.daily_model_usage (
    usage_date, source, tenant_id, provider, model, currency, calls, failed_calls, input_tokens,
    output_tokens, total_tokens, estimated_tokens, unpriced_tokens, cost, base_cost
)
SELECT d.usage_date, d.source, d.tenant_id, d.provider, d.model, d.currency,
       sum(d.calls), sum(d.failed_calls), sum(d.input_tokens), sum(d.output_tokens), sum(d.total_tokens),
       sum(d.estimated_tokens), sum(d.unpriced_tokens), sum(d.cost), sum(d.base_cost)
FROM usage.daily_usage d
WHERE d.usage_date = ANY(:'days'::date[])
GROUP BY d.usage_date, d.source, d.tenant_id, d.provider, d.model, d.currency;
