-- Overrides, the newest first; one of them, one state or one budget when asked for. Reads usage.budget_override.
-- Writes nothing.
SELECT o.override_id, o.budget_id, o.scope_value, o.scope_name, o.measure, o.raise_by, o.raise_percent, o.state,
       o.reason, o.requested_by, o.requested_at, o.until, o.decided_by, o.decided_at, o.requested_known_by,
       o.decided_known_by
FROM usage.budget_override o
WHERE (:'override_id'::text IS NULL OR o.override_id = :'override_id'::text)
  AND (:'state'::text IS NULL OR o.state = :'state'::text)
  AND (:'budget_id'::text IS NULL OR o.budget_id = :'budget_id'::text)
ORDER BY o.requested_at DESC, o.override_id
LIMIT 1000
