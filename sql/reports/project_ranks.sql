-- Where the projects of one tenant (:tenant_id of :source) stand among all projects by cost from :first to :last: of others
-- only how many there are. Reads usage.daily_project_usage along usage_date, usage.project. Writes nothing.
SELECT coalesce(p.name, r.app_id) AS project, r.place AS rank, r.number AS "of", r.base_cost
FROM (
    SELECT d.source, d.tenant_id, d.app_id, sum(d.base_cost) AS base_cost,
           rank() OVER (ORDER BY sum(d.base_cost) DESC) AS place, count(*) OVER () AS number
    FROM usage.daily_project_usage d
    WHERE d.usage_date BETWEEN :'first'::date AND :'last'::date
    GROUP BY d.source, d.tenant_id, d.app_id
) AS r
LEFT JOIN usage.project p USING (source, app_id)
WHERE r.source = :'source' AND r.tenant_id = :'tenant_id'
ORDER BY r.place, 1
LIMIT 4
