-- The level of one value of a budget at :at, from the tiers that it had reached by then and that were not resolved.
-- Reads usage.budget_event along budget_event_budget. Writes nothing.
SELECT t.level
FROM (
    SELECT DISTINCT ON (e.tier_on, e.tier_at) e.kind, e.level, e.tier_at
    FROM usage.budget_event e
    WHERE e.budget_id = :'budget_id' AND e.scope_value = :'scope_value' AND e.at <= :'at'::timestamptz
      AND e.tier_at IS NOT NULL AND (:'rolling'::boolean OR e.period_start = :'period_start'::timestamptz)
    ORDER BY e.tier_on, e.tier_at, e.at DESC, e.event_id DESC
) AS t
WHERE t.kind <> 'resolved'
ORDER BY usage.severity(t.level), t.tier_at DESC
LIMIT 1
