-- Adds to daily_usage what changed in :days, which were rolled up before: each row that it touches is made again of what it
-- was and the change. A row in which nothing is left goes, as it would not be made from the events.
-- Reads roll_change. Writes usage.daily_usage. Not safe to run twice: the changes are taken in the same transaction.
-- The two sides are hashed: whatever the planner takes them for, they may be many.
SET LOCAL enable_nestloop = off;

SET LOCAL enable_mergejoin = off;

WITH change AS MATERIALIZED (
    SELECT usage_date, source, tenant_id, environment, app_id, api_key_id, key_attribution, caller_kind,
           caller_id, provider, model, currency, sum(calls) AS calls, sum(failed_calls) AS failed_calls, sum(input_tokens) AS input_tokens,
           sum(output_tokens) AS output_tokens, sum(total_tokens) AS total_tokens, sum(estimated_tokens) AS
           estimated_tokens, sum(unpriced_tokens) AS unpriced_tokens, sum(cost) AS cost, sum(base_cost) AS
           base_cost
    FROM roll_change
    GROUP BY usage_date, source, tenant_id, environment, app_id, api_key_id, key_attribution, caller_kind,
             caller_id, provider, model, currency
), was AS (
    DELETE FROM usage.daily_usage d
    USING change c
    WHERE d.usage_date = ANY(:'days'::date[])
      AND d.usage_date = c.usage_date
      AND d.source = c.source
      AND d.tenant_id = c.tenant_id
      AND d.environment = c.environment
      AND d.app_id = c.app_id
      AND d.key_attribution = c.key_attribution
      AND d.caller_kind = c.caller_kind
      AND coalesce(d.api_key_id, '') = coalesce(c.api_key_id, '')
      AND coalesce(d.caller_id, '') = coalesce(c.caller_id, '')
      AND coalesce(d.provider, '') = coalesce(c.provider, '')
      AND coalesce(d.model, '') = coalesce(c.model, '')
      AND coalesce(d.currency, '') = coalesce(c.currency, '')
      AND (d.api_key_id, d.caller_id, d.provider, d.model, d.currency)
          IS NOT DISTINCT FROM (c.api_key_id, c.caller_id, c.provider, c.model, c.currency)
    RETURNING d.*
)
INSERT INTO usage.daily_usage (
    usage_date, source, tenant_id, environment, app_id, api_key_id, key_attribution, caller_kind, caller_id,
    provider, model, currency, calls, failed_calls, input_tokens, output_tokens, total_tokens, estimated_tokens,
    unpriced_tokens, cost, base_cost
)
SELECT usage_date, source, tenant_id, environment, app_id, api_key_id, key_attribution, caller_kind, caller_id,
       provider, model, currency, sum(calls), sum(failed_calls), sum(input_tokens), sum(output_tokens),
       sum(total_tokens), sum(estimated_tokens), sum(unpriced_tokens), sum(cost), sum(base_cost)
FROM (
    SELECT usage_date, source, tenant_id, environment, app_id, api_key_id, key_attribution, caller_kind,
           caller_id, provider, model, currency, calls, failed_calls, input_tokens, output_tokens, total_tokens,
           estimated_tokens, unpriced_tokens, cost, base_cost
    FROM was
    UNION ALL
    SELECT usage_date, source, tenant_id, environment, app_id, api_key_id, key_attribution, caller_kind,
           caller_id, provider, model, currency, calls, failed_calls, input_tokens, output_tokens, total_tokens,
           estimated_tokens, unpriced_tokens, cost, base_cost
    FROM change
) AS both_sides
GROUP BY usage_date, source, tenant_id, environment, app_id, api_key_id, key_attribution, caller_kind,
         caller_id, provider, model, currency
HAVING (sum(calls), sum(failed_calls), sum(input_tokens), sum(output_tokens), sum(total_tokens),
        sum(estimated_tokens), sum(unpriced_tokens), sum(cost), sum(base_cost))
       <> (0, 0, 0, 0, 0, 0, 0, 0, 0);

SET LOCAL enable_nestloop = on;

SET LOCAL enable_mergejoin = on;
