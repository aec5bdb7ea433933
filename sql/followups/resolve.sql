-- An alert of a budget is over when its period is (a rolling window has no end), or when its value stands below the tier
-- again, as the evaluating of budgets has noted on it. Reads usage.alert; writes usage.resolution. Safe to run twice.
INSERT INTO usage.resolution (alert_id, at, why)
SELECT x.alert_id, :'now'::timestamptz, CASE WHEN x.over THEN 'period_over' ELSE 'below' END
FROM (
    SELECT a.alert_id, a.resolved_at,
           a.period_end <= :'now'::timestamptz AND coalesce(a.facts ->> 'period', '') NOT LIKE 'rolling:%' AS over
    FROM usage.alert a
    WHERE a.kind = ANY (:'of_budgets'::text[]) AND NOT EXISTS (SELECT FROM usage.resolution r WHERE r.alert_id = a.alert_id)
) AS x
WHERE x.over OR x.resolved_at <= :'now'::timestamptz
ON CONFLICT DO NOTHING
