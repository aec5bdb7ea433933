-- What happened to one value of a budget in a period, in order: tiers reached, resolved, reopened, overrides and locks.
-- Reads usage.budget_event. Writes nothing.
SELECT e.at, e.kind, e.by, e.about, e.detail, e.tier_on, e.tier_at, e.level, e.spent, e."limit", e.config_version, e.known_by
FROM usage.budget_event e
WHERE e.budget_id = :'budget_id' AND e.scope_value = :'scope_value' AND e.at <= :'at'::timestamptz
  AND (e.period_start >= :'period_start'::timestamptz AND e.period_start < :'period_end'::timestamptz
       OR e.period_start IS NULL AND e.at >= :'period_start'::timestamptz AND e.at < :'period_end'::timestamptz)
ORDER BY e.event_id
