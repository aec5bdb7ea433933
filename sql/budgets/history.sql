-- What 30 days before :today were like, for proposing budgets: the cost of all in a month of such days, the same of the dearest
-- workspace, and the tokens of the fullest day of the project that has most. Amounts are in the configuration's currency.
-- No row where there is no usage. Reads usage.daily_project_usage, usage.tenant, usage.project. Writes nothing.
WITH recent AS (
    SELECT d.source, d.tenant_id, d.app_id, d.usage_date, sum(d.total_tokens) AS tokens, sum(d.base_cost) AS cost
    FROM usage.daily_project_usage d
    WHERE d.usage_date >= :'today'::date - 30 AND d.usage_date < :'today'::date
    GROUP BY 1, 2, 3, 4
), whole AS (
    SELECT :'today'::date - min(usage_date) AS days, sum(cost) AS cost FROM recent
), workspace AS (
    SELECT source, tenant_id, sum(cost) AS cost FROM recent GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 1
), project AS (
    SELECT source, app_id, max(tokens) AS fullest FROM recent GROUP BY 1, 2 ORDER BY sum(tokens) DESC LIMIT 1
)
SELECT w.days, w.cost * 30 / w.days AS month_cost, s.cost * 30 / w.days AS workspace_month_cost,
       coalesce(t.name, s.tenant_id) AS workspace, p.fullest::bigint AS project_day_tokens,
       coalesce(a.name, p.app_id) AS project, p.app_id AS project_id,
       (SELECT max(usage_date) FROM recent) AS newest_day
FROM whole w
CROSS JOIN workspace s
CROSS JOIN project p
LEFT JOIN usage.tenant t ON t.source = s.source AND t.tenant_id = s.tenant_id
LEFT JOIN usage.project a ON a.source = p.source AND a.app_id = p.app_id
WHERE w.days > 0
