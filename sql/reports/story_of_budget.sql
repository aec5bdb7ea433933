-- What happened to one value of a budget in a period, in order: tiers reached, resolved, reopened. Reads
-- usage.budget_event, usage.config_version. Writes nothing.
SELECT e.at, e.kind, e.tier_on, e.tier_at, e.level, e.measure, e.spent, e."limit", e.config_version
FROM usage.budget_event e
WHERE e.budget_id = :'budget_id' AND e.scope_value = :'scope_value' AND e.period_start >= :'period_start'::timestamptz
  AND e.period_start < :'period_end'::timestamptz AND e.at <= :'at'::timestamptz
ORDER BY e.event_id
