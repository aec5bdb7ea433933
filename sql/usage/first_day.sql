-- The first day with usage, rolled up or not yet; null where there was none. Reads usage.daily_project_usage along
-- usage_date and usage.changed_day. Writes nothing.
SELECT least((SELECT min(usage_date) FROM usage.daily_project_usage), (SELECT min(usage_date) FROM usage.changed_day))
