-- One row a day, tenant and hour of the day in the tenant's zone: what forecasts take a day's course from.
-- Reads usage.usage_event along usage_date, usage.tenant. Writes usage.daily_hour_usage, whole days at a time (:days).
-- Safe to run twice: a day is removed and made again within the caller's transaction.
-- Tenants are hashed, whatever the planner thinks of events that have just come: else all of these would be sorted.
SET LOCAL enable_mergejoin = off;

SET LOCAL enable_nestloop = off;

DELETE FROM usage.daily_hour_usage WHERE usage_date = ANY(:'days'::date[]);

INSERT INTO usage.daily_hour_usage (usage_date, source, tenant_id, hour, calls, total_tokens, base_cost)
SELECT e.usage_date, e.source, e.tenant_id,
       extract(hour FROM e.occurred_at AT TIME ZONE coalesce(t.timezone, 'UTC'))::smallint,
       count(*) FILTER (WHERE e.event_id NOT LIKE 'residual:%'), sum(e.total_tokens), coalesce(sum(e.base_cost), 0)
FROM usage.usage_event e
LEFT JOIN usage.tenant t ON t.source = e.source AND t.tenant_id = e.tenant_id
WHERE e.basis = 'logged' AND e.usage_date = ANY(:'days'::date[])
GROUP BY 1, 2, 3, 4
HAVING count(*) FILTER (WHERE e.event_id NOT LIKE 'residual:%') > 0 OR sum(e.total_tokens) > 0
       OR coalesce(sum(e.base_cost), 0) > 0;

SET LOCAL enable_mergejoin = on;

SET LOCAL enable_nestloop = on;
