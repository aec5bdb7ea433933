-- Adds to daily_hour_usage what changed in :days, which were rolled up before, as add_to_daily_usage.sql does.
-- Reads roll_change. Writes usage.daily_hour_usage. Not safe to run twice: the changes are taken in the same transaction.
-- The two sides are hashed: whatever the planner takes them for, they may be many.
SET LOCAL enable_nestloop = off;

SET LOCAL enable_mergejoin = off;

WITH change AS MATERIALIZED (
    SELECT usage_date, source, tenant_id, hour, sum(calls) AS calls, sum(total_tokens) AS total_tokens, sum(base_cost) AS base_cost
    FROM roll_change
    GROUP BY usage_date, source, tenant_id, hour
), was AS (
    DELETE FROM usage.daily_hour_usage d
    USING change c
    WHERE d.usage_date = ANY(:'days'::date[])
      AND d.usage_date = c.usage_date
      AND d.source = c.source
      AND d.tenant_id = c.tenant_id
      AND d.hour = c.hour
    RETURNING d.*
)
INSERT INTO usage.daily_hour_usage (
    usage_date, source, tenant_id, hour, calls, total_tokens, base_cost
)
SELECT usage_date, source, tenant_id, hour, sum(calls), sum(total_tokens), sum(base_cost)
FROM (
    SELECT usage_date, source, tenant_id, hour, calls, total_tokens, base_cost
    FROM was
    UNION ALL
    SELECT usage_date, source, tenant_id, hour, calls, total_tokens, base_cost
    FROM change
) AS both_sides
GROUP BY usage_date, source, tenant_id, hour
HAVING (sum(calls), sum(total_tokens), sum(base_cost))
       <> (0, 0, 0);

SET LOCAL enable_nestloop = on;

SET LOCAL enable_mergejoin = on;
