-- What happened to a budget, in order: alerts, raises, locks. Reads usage.alert, usage.budget_story. Writes nothing.
SELECT a.created_at AS at, 0 AS event_no, a.scope_value, 'alert at ' || trim_scale(a.tier) || ' %' AS what, 'usage_pipeline' AS by,
       a.alert_id AS about, a.level AS detail
FROM usage.alert a
WHERE a.kind = 'budget' AND a.budget_id = :'budget_id'
UNION ALL
SELECT e.at, e.event_no, e.scope_value, e.what, e.by, e.about, e.detail
FROM usage.budget_story e
WHERE e.budget_id = :'budget_id'
ORDER BY 1, 2
LIMIT 1000
