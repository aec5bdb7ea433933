-- How full each value of a budget was at its fullest from :begins until :ends, by the tiers that were reached or resolved:
-- what was spent against the limit that held before an override raised it.
-- Reads usage.budget_event along budget_event_budget. Writes nothing.
SELECT e.budget_id, e.scope_value, max(e.spent / e.held_limit) AS ratio,
       (array_agg(e.level ORDER BY usage.severity(e.level), e.at) FILTER (WHERE e.kind IN ('reached', 'reopened')))[1] AS level
FROM (
    SELECT b.budget_id, b.scope_value, b.at, b.kind, b.level, b.spent,
           least(b."limit", coalesce(lag(b."limit") OVER (
               PARTITION BY b.budget_id, b.scope_value, b.period_start, b.measure ORDER BY b.at, b.event_id), b."limit"))
               AS held_limit
    FROM usage.budget_event b
    WHERE b.kind IN ('reached', 'reopened', 'resolved') AND b.tier_on = 'spent' AND b."limit" > 0
      AND b.at >= :'begins'::timestamptz AND b.at < :'ends'::timestamptz
) AS e
GROUP BY e.budget_id, e.scope_value
