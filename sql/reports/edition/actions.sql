-- What enforcement did, or would have done, from :first to :last in :zone, newest first.
-- Reads usage.enforcement_action and report_tenant (scope.sql). Writes nothing.
SELECT a.requested_at AS at, a.action, a.target_name AS target, a.state, coalesce(a.alert_id, '') AS detail
FROM usage.enforcement_action a
WHERE a.requested_at >= :'first'::date::timestamp AT TIME ZONE :'zone'
  AND a.requested_at < (:'last'::date + 1)::timestamp AT TIME ZONE :'zone'
  AND (:'everybody'::boolean OR EXISTS (
      SELECT FROM report_tenant t WHERE t.source = a.source AND t.tenant_id = a.tenant_id))
ORDER BY 1 DESC, a.place
