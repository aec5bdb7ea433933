-- Rows and sums of each daily table and day of :days; a day without usage has a row of zeros.
-- Reads the daily tables along usage_date. Writes nothing.
SELECT named.name AS "table", day, count(x.usage_date) AS rows, coalesce(sum(x.total_tokens), 0)::bigint AS total_tokens,
       coalesce(sum(x.base_cost), 0) AS base_cost, coalesce(sum(x.calls), 0)::bigint AS calls
FROM unnest(:'days'::date[]) AS day
CROSS JOIN (VALUES ('daily_usage'), ('daily_project_usage'), ('daily_key_usage'), ('daily_user_usage'),
                   ('daily_model_usage'), ('daily_node_usage')) AS named (name)
LEFT JOIN (
    SELECT 'daily_usage' AS name, usage_date, total_tokens, base_cost, calls FROM usage.daily_usage
    WHERE usage_date = ANY (:'days'::date[])
    UNION ALL
    SELECT 'daily_project_usage', usage_date, total_tokens, base_cost, calls FROM usage.daily_project_usage
    WHERE usage_date = ANY (:'days'::date[])
    UNION ALL
    SELECT 'daily_key_usage', usage_date, total_tokens, base_cost, calls FROM usage.daily_key_usage
    WHERE usage_date = ANY (:'days'::date[])
    UNION ALL
    SELECT 'daily_user_usage', usage_date, total_tokens, base_cost, calls FROM usage.daily_user_usage
    WHERE usage_date = ANY (:'days'::date[])
    UNION ALL
    SELECT 'daily_model_usage', usage_date, total_tokens, base_cost, calls FROM usage.daily_model_usage
    WHERE usage_date = ANY (:'days'::date[])
    UNION ALL
    SELECT 'daily_node_usage', usage_date, total_tokens, base_cost, calls FROM usage.daily_node_usage
    WHERE usage_date = ANY (:'days'::date[])
) AS x ON x.usage_date = day AND x.name = named.name
GROUP BY named.name, day
ORDER BY named.name, day
