-- Days on which a daily table does not equal the events, and by how much; no row means that all is well.
-- Reads usage.usage_event, usage.daily_*, usage.changed_day. Writes nothing. Days that wait for a roll-up are left out.
WITH waiting AS (
    SELECT DISTINCT usage_date FROM usage.changed_day
), event AS (
    SELECT e.usage_date, sum(e.total_tokens) AS tokens, coalesce(sum(e.base_cost), 0) AS base_cost
    FROM usage.usage_event e
    WHERE e.basis = 'logged' AND e.usage_date = ANY(:'days'::date[])
    GROUP BY e.usage_date
), daily AS (
    SELECT 'daily_usage' AS table_name, usage_date, total_tokens, base_cost FROM usage.daily_usage
    WHERE usage_date = ANY(:'days'::date[])
    UNION ALL
    SELECT 'daily_project_usage', usage_date, total_tokens, base_cost FROM usage.daily_project_usage
    WHERE usage_date = ANY(:'days'::date[])
    UNION ALL
    SELECT 'daily_key_usage', usage_date, total_tokens, base_cost FROM usage.daily_key_usage
    WHERE usage_date = ANY(:'days'::date[])
    UNION ALL
    SELECT 'daily_user_usage', usage_date, total_tokens, base_cost FROM usage.daily_user_usage
    WHERE usage_date = ANY(:'days'::date[])
    UNION ALL
    SELECT 'daily_model_usage', usage_date, total_tokens, base_cost FROM usage.daily_model_usage
    WHERE usage_date = ANY(:'days'::date[])
    UNION ALL
    SELECT 'daily_node_usage', usage_date, total_tokens, base_cost FROM usage.daily_node_usage
    WHERE usage_date = ANY(:'days'::date[])
), summed AS (
    SELECT table_name, usage_date, sum(total_tokens) AS tokens, sum(base_cost) AS base_cost
    FROM daily GROUP BY table_name, usage_date
)
SELECT t.table_name AS "table", day.usage_date, coalesce(e.tokens, 0)::bigint AS event_tokens,
       coalesce(s.tokens, 0)::bigint AS table_tokens, coalesce(e.base_cost, 0) AS event_cost,
       coalesce(s.base_cost, 0) AS table_cost
FROM (SELECT unnest(:'days'::date[]) AS usage_date) AS day
CROSS JOIN (VALUES ('daily_usage'), ('daily_project_usage'), ('daily_key_usage'), ('daily_user_usage'),
                   ('daily_model_usage'), ('daily_node_usage')) AS t (table_name)
LEFT JOIN event e ON e.usage_date = day.usage_date
LEFT JOIN summed s ON s.usage_date = day.usage_date AND s.table_name = t.table_name
WHERE day.usage_date NOT IN (SELECT usage_date FROM waiting)
  AND (coalesce(e.tokens, 0) <> coalesce(s.tokens, 0) OR coalesce(e.base_cost, 0) <> coalesce(s.base_cost, 0))
ORDER BY day.usage_date, t.table_name
