-- Days of :days on which a budget would have reached a higher tier than the day before in the same period, under the
-- configuration :config_version, and how it stood then under what was in force. Reads usage.budget_status_what_if.
-- Writes nothing.
SELECT w.usage_date AS day, w.budget_id AS budget, w.scope_name AS scope, w.tier_at AS tier, w.level, w.measure, w.spent,
       w."limit", w.in_force_level AS level_then, w.in_force_limit AS limit_then, w.in_force_version AS version_then
FROM (
    SELECT w.*, lag(w.tier_at) OVER (
               PARTITION BY w.budget_id, w.scope_value,
                            CASE WHEN w.period LIKE 'rolling:%' THEN '-infinity' ELSE w.period_start END
               ORDER BY w.usage_date) AS tier_before
    FROM usage.budget_status_what_if w
    WHERE w.config_version = :'config_version'::bigint AND w.usage_date = ANY (:'days'::date[])
) AS w
WHERE w.tier_at > coalesce(w.tier_before, 0)
ORDER BY w.usage_date, w.budget_id, w.scope_name
