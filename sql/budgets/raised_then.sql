-- The overrides of one value of a budget that held at :at. Reads usage.budget_override. Writes nothing.
SELECT o.override_id, o.measure, o.raise_by, o.raise_percent
FROM usage.budget_override o
WHERE o.budget_id = :'budget_id' AND o.scope_value = :'scope_value' AND o.state IN ('approved', 'ended')
  AND o.decided_at <= :'at'::timestamptz AND o.until > :'at'::timestamptz
ORDER BY o.override_id
