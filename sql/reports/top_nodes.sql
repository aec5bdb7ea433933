-- Which workflow nodes burn the most: the last :days full days of each tenant's zone, and as many days before them.
-- Reads usage.daily_node_usage along usage_date, usage.tenant, usage.project; usage.usage_event only for a node that was
-- renamed on its newest day. Writes nothing. A node is one line whatever it was called: its newest title is shown.
-- :project is a LIKE pattern on the name, :project_id an id; null: every project. :by is tokens or cost. Costs are in the
-- configuration's currency; what has no price is in unpriced_tokens. The change is null where there was nothing before.
WITH day AS (
    SELECT d.*, coalesce(t.name, d.tenant_id) AS tenant, coalesce(p.name, d.app_id) AS project,
           d.usage_date >= today.date - :'days'::int AS recent
    FROM usage.daily_node_usage d
    LEFT JOIN usage.tenant t ON t.source = d.source AND t.tenant_id = d.tenant_id
    LEFT JOIN usage.project p ON p.source = d.source AND p.app_id = d.app_id
    CROSS JOIN LATERAL (
        SELECT (:'now'::timestamptz AT TIME ZONE coalesce(t.timezone, 'UTC'))::date AS date
    ) AS today
    -- The first bound lets the index serve; the others are each tenant's own.
    WHERE d.usage_date >= (:'now'::timestamptz AT TIME ZONE 'UTC')::date - 2 * :'days'::int - 1
      AND d.usage_date >= today.date - 2 * :'days'::int AND d.usage_date < today.date
      AND d.node_id IS NOT NULL
      AND (:'project'::text IS NULL OR p.name LIKE :'project'::text OR d.app_id = :'project_id'::text)
), node AS (
    SELECT source, tenant, app_id, project, node_id,
           (array_agg(node_title ORDER BY usage_date DESC, total_tokens DESC) FILTER (WHERE node_title IS NOT NULL))[1]
               AS title,
           (array_agg(node_type ORDER BY usage_date DESC) FILTER (WHERE node_type IS NOT NULL))[1] AS type,
           string_agg(DISTINCT model, ', ' ORDER BY model) FILTER (WHERE recent) AS models,
           max(usage_date) AS newest_day,
           count(DISTINCT node_title) > 1 AS renamed,
           coalesce(sum(calls) FILTER (WHERE recent), 0)::bigint AS calls,
           coalesce(sum(failed_calls) FILTER (WHERE recent), 0)::bigint AS failed_calls,
           coalesce(sum(total_tokens) FILTER (WHERE recent), 0)::bigint AS tokens,
           coalesce(sum(total_tokens) FILTER (WHERE NOT recent), 0)::bigint AS tokens_before,
           coalesce(sum(base_cost) FILTER (WHERE recent), 0) AS cost,
           coalesce(sum(base_cost) FILTER (WHERE NOT recent), 0) AS cost_before,
           coalesce(sum(unpriced_tokens) FILTER (WHERE recent), 0)::bigint AS unpriced_tokens
    FROM day
    GROUP BY source, tenant, app_id, project, node_id
    HAVING sum(total_tokens) > 0
), top AS (
    SELECT * FROM node
    ORDER BY CASE :'by' WHEN 'cost' THEN cost ELSE tokens END DESC, tokens DESC,
             CASE :'by' WHEN 'cost' THEN cost_before ELSE tokens_before END DESC, project, node_id
    LIMIT :'limit'::int
)
SELECT t.source, t.tenant, t.project, t.app_id, t.node_id,
       CASE WHEN t.renamed THEN
           coalesce((SELECT e.node_title FROM usage.usage_event e
                     WHERE e.source = t.source AND e.usage_date = t.newest_day AND e.app_id = t.app_id
                       AND e.node_id = t.node_id AND e.node_title IS NOT NULL
                     ORDER BY e.occurred_at DESC LIMIT 1), t.title)
       ELSE t.title END AS title,
       t.type, t.models, t.calls, t.failed_calls, t.tokens, t.tokens_before,
       round((t.tokens - t.tokens_before) * 100.0 / nullif(t.tokens_before, 0), 1) AS tokens_change_percent,
       t.cost, t.cost_before,
       round((t.cost - t.cost_before) * 100 / nullif(t.cost_before, 0), 1) AS cost_change_percent,
       t.unpriced_tokens
FROM top t
ORDER BY CASE :'by' WHEN 'cost' THEN t.cost ELSE t.tokens END DESC, t.tokens DESC,
         CASE :'by' WHEN 'cost' THEN t.cost_before ELSE t.tokens_before END DESC, t.project, t.node_id
