-- The alerts raised from :begins until :ends, newest first. Reads report_alert (scope.sql). Writes nothing.
SELECT a.created_at, a.alert_id, a.kind, a.level, a.budget_id, a.scope_value, a.scope_name, a.tier, a.measure,
       a.spent::numeric, a."limit"::numeric, a.facts
FROM report_alert a
WHERE a.created_at >= :'begins'::timestamptz AND a.created_at < :'ends'::timestamptz
ORDER BY a.created_at DESC, a.tier DESC, a.alert_id
