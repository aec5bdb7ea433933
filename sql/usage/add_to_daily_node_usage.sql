-- Adds to daily_node_usage what changed in :days, which were rolled up before, as add_to_daily_usage.sql does.
-- Reads roll_change. Writes usage.daily_node_usage. Not safe to run twice: the changes are taken in the same transaction.
-- The two sides are hashed: whatever the planner takes them for, they may be many.
SET LOCAL enable_nestloop = off;

SET LOCAL enable_mergejoin = off;

WITH change AS MATERIALIZED (
    SELECT usage_date, source, tenant_id, app_id, node_id, node_type, node_title, provider, model, currency, sum(calls) AS calls, sum(failed_calls) AS failed_calls, sum(input_tokens) AS input_tokens,
           sum(output_tokens) AS output_tokens, sum(total_tokens) AS total_tokens, sum(estimated_tokens) AS
           estimated_tokens, sum(unpriced_tokens) AS unpriced_tokens, sum(cost) AS cost, sum(base_cost) AS
           base_cost
    FROM roll_change
    GROUP BY usage_date, source, tenant_id, app_id, node_id, node_type, node_title, provider, model, currency
), was AS (
    DELETE FROM usage.daily_node_usage d
    USING change c
    WHERE d.usage_date = ANY(:'days'::date[])
      AND d.usage_date = c.usage_date
      AND d.source = c.source
      AND d.tenant_id = c.tenant_id
      AND d.app_id = c.app_id
      AND coalesce(d.node_id, '') = coalesce(c.node_id, '')
      AND coalesce(d.node_type, '') = coalesce(c.node_type, '')
      AND coalesce(d.node_title, '') = coalesce(c.node_title, '')
      AND coalesce(d.provider, '') = coalesce(c.provider, '')
      AND coalesce(d.model, '') = coalesce(c.model, '')
      AND coalesce(d.currency, '') = coalesce(c.currency, '')
      AND (d.node_id, d.node_type, d.node_title, d.provider, d.model, d.currency)
          IS NOT DISTINCT FROM (c.node_id, c.node_type, c.node_title, c.provider, c.model, c.currency)
    RETURNING d.*
)
INSERT INTO usage.daily_node_usage (
    usage_date, source, tenant_id, app_id, node_id, node_type, node_title, provider, model, currency, calls,
    failed_calls, input_tokens, output_tokens, total_tokens, estimated_tokens, unpriced_tokens, cost, base_cost
)
SELECT usage_date, source, tenant_id, app_id, node_id, node_type, node_title, provider, model, currency,
       sum(calls), sum(failed_calls), sum(input_tokens), sum(output_tokens), sum(total_tokens),
       sum(estimated_tokens), sum(unpriced_tokens), sum(cost), sum(base_cost)
FROM (
    SELECT usage_date, source, tenant_id, app_id, node_id, node_type, node_title, provider, model, currency,
           calls, failed_calls, input_tokens, output_tokens, total_tokens, estimated_tokens, unpriced_tokens,
           cost, base_cost
    FROM was
    UNION ALL
    SELECT usage_date, source, tenant_id, app_id, node_id, node_type, node_title, provider, model, currency,
           calls, failed_calls, input_tokens, output_tokens, total_tokens, estimated_tokens, unpriced_tokens,
           cost, base_cost
    FROM change
) AS both_sides
GROUP BY usage_date, source, tenant_id, app_id, node_id, node_type, node_title, provider, model, currency
HAVING (sum(calls), sum(failed_calls), sum(input_tokens), sum(output_tokens), sum(total_tokens),
        sum(estimated_tokens), sum(unpriced_tokens), sum(cost), sum(base_cost))
       <> (0, 0, 0, 0, 0, 0, 0, 0, 0);

SET LOCAL enable_nestloop = on;

SET LOCAL enable_mergejoin = on;
