-- Says on alerts of budgets whether what they say is over. Reads usage.budget_tier. Writes usage.alert.
-- Safe to run twice. A window that has moved on leaves no state: its alert is over.
UPDATE usage.alert a SET resolved_at = now_so.resolved_at
FROM (
    SELECT a.alert_id, CASE WHEN k.budget_id IS NULL OR k.round > a.round OR k.alert_start > a.period_start
                            THEN coalesce(a.resolved_at, :'as_of'::timestamptz) ELSE k.resolved_at END AS resolved_at
    FROM usage.alert a
    LEFT JOIN usage.budget_tier k ON k.budget_id = a.budget_id AND k.scope_value = a.scope_value
     AND k.period_start = CASE WHEN a.facts ->> 'period' LIKE 'rolling:%' THEN '-infinity' ELSE a.period_start END
     AND k.tier_on = a.tier_on AND k.tier_at = a.tier
    WHERE a.kind = 'budget'
      AND (a.period_end > :'as_of'::timestamptz - interval '2 days'
           OR a.facts ->> 'period' LIKE 'rolling:%' AND a.resolved_at IS NULL)
) AS now_so
WHERE now_so.alert_id = a.alert_id AND a.resolved_at IS DISTINCT FROM now_so.resolved_at
