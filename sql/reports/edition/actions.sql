-- What enforcement did, would have done or undid from :begins until :ends, and what waited for a person then, newest first,
-- as it stood at :ends.
-- Reads usage.enforcement_action, report_tenant (scope.sql), usage.alert. Writes nothing.
SELECT a.requested_at AS at, a.action, a.target_name AS target,
       CASE WHEN a.released_at < :'ends'::timestamptz THEN 'released'
            WHEN a.verified_at < :'ends'::timestamptz THEN 'verified'
            WHEN a.applied_at < :'ends'::timestamptz THEN 'applied'
            WHEN a.state IN ('released', 'verified', 'applied') THEN
                CASE WHEN a.decided_at < :'ends'::timestamptz THEN 'approved' ELSE 'planned' END
            ELSE a.state END AS state,
       coalesce(a.alert_id, '') AS detail, a.action_id, a.budget_id, a.scope_value, a.scope_name, a.measure, a.level,
       CASE WHEN a.decided_at < :'ends'::timestamptz THEN a.decided_by END AS decided_by,
       CASE WHEN a.applied_at < :'ends'::timestamptz THEN a.applied_at END AS applied_at,
       CASE WHEN a.released_at < :'ends'::timestamptz THEN a.released_at END AS released_at,
       CASE WHEN a.released_at < :'ends'::timestamptz THEN a.release_why END AS release_why,
       CASE WHEN a.released_at < :'ends'::timestamptz THEN a.release_by END AS release_by,
       (x.facts ->> 'forecast')::numeric AS forecast, (x.facts ->> 'spent')::numeric AS spent,
       (x.facts ->> 'tokens')::numeric AS tokens, (x.facts ->> 'cost')::numeric AS cost
FROM usage.enforcement_action a
LEFT JOIN usage.alert x ON x.alert_id = a.alert_id AND x.kind = 'budget'
WHERE (a.requested_at >= :'begins'::timestamptz AND a.requested_at < :'ends'::timestamptz
       OR a.applied_at >= :'begins'::timestamptz AND a.applied_at < :'ends'::timestamptz
       OR a.released_at >= :'begins'::timestamptz AND a.released_at < :'ends'::timestamptz
       OR a.state IN ('planned', 'failed') AND a.requested_at < :'ends'::timestamptz AND a.period_end > :'ends'::timestamptz)
  AND (:'everybody'::boolean OR EXISTS (
      SELECT FROM report_tenant t WHERE t.source = a.source AND t.tenant_id = a.tenant_id))
ORDER BY 1 DESC, a.place
