-- What was spent on each day up to :today, and of it before :hour of the day: the last :days days, oldest first.
-- Reads usage.daily_hour_usage along usage_date. Writes nothing.
SELECT d.usage_date AS day, coalesce(sum(u.base_cost), 0) AS cost, coalesce(sum(u.total_tokens), 0)::bigint AS tokens,
       coalesce(sum(u.base_cost) FILTER (WHERE u.hour < :'hour'::integer), 0) AS cost_so_far
FROM (SELECT :'today'::date - n AS usage_date FROM generate_series(0, :'days'::integer - 1) AS n) AS d
LEFT JOIN usage.daily_hour_usage u USING (usage_date)
GROUP BY d.usage_date
ORDER BY d.usage_date
