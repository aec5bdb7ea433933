-- Overrides that were requested or decided on from :begins until :ends, held then, or waited for a decision at :ends,
-- oldest first, as they stood at :ends.
-- Reads report_override (scope.sql). Writes nothing.
SELECT o.override_id, o.budget_id, o.scope_value, o.scope_name, o.measure, o.raise_by, o.raise_percent, o.reason,
       CASE WHEN o.state IN ('ended', 'expired') AND o.closed_at < :'ends'::timestamptz THEN o.state
            WHEN o.decided_at IS NULL AND o.state = 'withdrawn' THEN 'withdrawn'
            WHEN o.decided_at >= :'ends'::timestamptz OR o.decided_at IS NULL THEN 'pending'
            WHEN o.state = 'ended' THEN 'approved'
            ELSE o.state END AS state,
       o.requested_by, o.requested_at, o.until,
       CASE WHEN o.decided_at < :'ends'::timestamptz THEN o.decided_by END AS decided_by,
       CASE WHEN o.decided_at < :'ends'::timestamptz THEN o.decided_at END AS decided_at
FROM report_override o
WHERE o.requested_at >= :'begins'::timestamptz AND o.requested_at < :'ends'::timestamptz
   OR o.decided_at >= :'begins'::timestamptz AND o.decided_at < :'ends'::timestamptz
   OR o.requested_at < :'ends'::timestamptz AND o.until > :'ends'::timestamptz AND o.state <> 'withdrawn'
      AND (o.decided_at IS NULL OR o.decided_at >= :'ends'::timestamptz)
   OR o.state IN ('approved', 'ended') AND o.decided_at < :'ends'::timestamptz AND o.until > :'begins'::timestamptz
ORDER BY o.requested_at, o.override_id
