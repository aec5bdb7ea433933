-- An alert of a budget is over when its period is, or when its value stands below the tier again: the limit was raised, or
-- the count was corrected. Where alerts say themselves when they ended (resolved_at) or that they look at a forecast
-- (tier_on), that is kept to. Reads usage.alert, usage.budget_status; writes usage.resolution. Safe to run twice.
INSERT INTO usage.resolution (alert_id, at, why)
SELECT x.alert_id, :'now'::timestamptz, CASE WHEN x.over THEN 'period_over' ELSE 'below' END
FROM (
    SELECT a.alert_id, a.period_end <= :'now'::timestamptz AS over,
           (to_jsonb(a) ->> 'resolved_at')::timestamptz <= :'now'::timestamptz AS ended,
           coalesce(to_jsonb(a) ->> 'tier_on', 'spent') = 'spent' AND s.ratio * 100 < a.tier AS below
    FROM usage.alert a
    LEFT JOIN usage.budget_status s USING (budget_id, scope_value, period_start)
    WHERE a.kind = 'budget' AND NOT EXISTS (SELECT FROM usage.resolution r WHERE r.alert_id = a.alert_id)
) AS x
WHERE x.over OR x.ended OR x.below
ON CONFLICT DO NOTHING
