-- The alerts raised from :first to :last in :zone, newest first. Reads report_alert (scope.sql). Writes nothing.
SELECT a.created_at, a.alert_id, a.kind, a.level, a.budget_id, a.scope_name, a.tier, a.measure, a.spent::numeric,
       a."limit"::numeric
FROM report_alert a
WHERE a.created_at >= :'first'::date::timestamp AT TIME ZONE :'zone'
  AND a.created_at < (:'last'::date + 1)::timestamp AT TIME ZONE :'zone'
ORDER BY a.created_at DESC, a.tier DESC, a.alert_id
