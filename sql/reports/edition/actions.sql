-- What enforcement did, or would have done, from :first to :last in :zone, newest first.
-- Reads usage.enforcement_action (only run where it exists) and report_tenant (scope.sql). Writes nothing.
-- Columns are looked up by name in the row as JSON: an action without one of them is still listed.
SELECT coalesce(a.row ->> 'created_at', a.row ->> 'requested_at')::timestamptz, coalesce(a.row ->> 'action', '?'),
       coalesce(a.row ->> 'target_name', a.row ->> 'app_id', a.row ->> 'target', ''), coalesce(a.row ->> 'state', ''),
       coalesce(a.row ->> 'alert_id', '')
FROM (SELECT to_jsonb(e) AS row FROM usage.enforcement_action e) AS a
WHERE coalesce(a.row ->> 'created_at', a.row ->> 'requested_at')::timestamptz
          >= :'first'::date::timestamp AT TIME ZONE :'zone'
  AND coalesce(a.row ->> 'created_at', a.row ->> 'requested_at')::timestamptz
          < (:'last'::date + 1)::timestamp AT TIME ZONE :'zone'
  AND (:'everybody'::boolean OR EXISTS (SELECT FROM report_tenant t
       WHERE t.source = a.row ->> 'source' AND t.tenant_id = a.row ->> 'tenant_id'))
ORDER BY 1 DESC
