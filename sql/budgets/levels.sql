-- A fragment: the level of a row of stage_status (s), from the gravest of its tiers that count.
LEFT JOIN LATERAL (
    SELECT p.level, p.tier_at
    FROM stage_passed p
    WHERE p.budget_id = s.budget_id AND p.scope_value = s.scope_value AND p.period_start = s.period_start AND p.counts
    ORDER BY usage.severity(p.level), p.tier_at DESC
    LIMIT 1
) AS gravest ON true
