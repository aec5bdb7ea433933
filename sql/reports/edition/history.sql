-- What the largest tenants, projects and models spent on each day from :first to :last; the others together, under an
-- empty key. Reads report_usage (scope.sql). Writes nothing.
WITH sums AS MATERIALIZED (
    SELECT d.usage_date, d.source, d.tenant_id, d.tenant, d.app_id, d.project, d.provider, d.model_name,
           sum(d.base_cost) AS base_cost
    FROM report_usage d
    WHERE d.usage_date BETWEEN :'first'::date AND :'last'::date
    GROUP BY d.usage_date, d.source, d.tenant_id, d.tenant, d.app_id, d.project, d.provider, d.model_name
), part AS (
    SELECT p.dimension, p.key, max(p.name) AS name, s.usage_date, sum(s.base_cost) AS base_cost
    FROM sums s
    CROSS JOIN LATERAL (VALUES
        ('tenant', s.source || '/' || s.tenant_id, s.tenant),
        ('project', s.source || '/' || s.app_id, s.project),
        ('model', coalesce(s.provider, '') || '/' || s.model_name, s.model_name)
    ) AS p (dimension, key, name)
    GROUP BY p.dimension, p.key, s.usage_date
), ranked AS (
    SELECT dimension, key, row_number() OVER (PARTITION BY dimension ORDER BY sum(base_cost) DESC, key) AS place
    FROM part
    GROUP BY dimension, key
), cut AS (
    SELECT p.dimension, CASE WHEN r.place <= 7 THEN p.key ELSE '' END AS key,
           CASE WHEN r.place <= 7 THEN p.name ELSE '' END AS name, least(r.place, 8) AS place, p.usage_date, p.base_cost
    FROM part p
    JOIN ranked r USING (dimension, key)
)
SELECT dimension, key, max(name) AS name, usage_date, sum(base_cost) AS base_cost
FROM cut
GROUP BY dimension, place, key, usage_date
HAVING sum(base_cost) > 0
ORDER BY dimension, place, usage_date
