-- Tiers that are reached of a limit that is raised just now, where the tier's own alert was written before the raise
-- was approved: that alert does not repeat, but the raise is being used up and its people must hear.
-- Reads usage.budget_status, usage.budget_override, usage.alert and :tiers ([{"id", "at", "level"}]). Writes nothing.
SELECT o.override_id, b.budget_id, b.scope_value, t.json ->> 'at', t.json ->> 'level'
FROM usage.budget_override o
JOIN usage.budget_status b ON b.budget_id = o.budget_id AND b.scope_value = o.scope_value
    AND b.period_start <= :'now'::timestamptz AND b.period_end > :'now'::timestamptz
JOIN jsonb_array_elements(:'tiers'::jsonb) AS t (json) ON t.json ->> 'id' = b.budget_id
JOIN usage.alert a ON a.kind = 'budget' AND a.budget_id = b.budget_id AND a.scope_value = b.scope_value
    AND a.period_start = b.period_start AND a.tier = (t.json ->> 'at')::numeric AND a.created_at < o.decided_at
WHERE o.state = 'approved' AND o.decided_at <= :'now'::timestamptz AND o.until > :'now'::timestamptz
  AND (t.json ->> 'at')::numeric <= b.tier_at
ORDER BY 1, (t.json ->> 'at')::numeric
