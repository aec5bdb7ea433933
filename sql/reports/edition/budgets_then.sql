-- The budgets of the periods that a past moment lies in, as the configuration of then evaluated them; of :source and
-- :tenant_id (null: all). The fullest first. Reads stage_status, stage_passed (sql/budgets/). Writes nothing.
-- Days are those of the budget's own zone.
SELECT s.budget_id, s.scope_value, s.scope_name, s.period, (s.period_start AT TIME ZONE s.zone)::date AS first,
       (s.period_end AT TIME ZONE s.zone)::date - CASE WHEN s.period_end - s.period_start >= interval '23 hours'
                                                       THEN 1 ELSE 0 END AS last,
       s.measure, s.spent,
       s."limit" - coalesce((SELECT sum((a ->> 'amount')::numeric) FROM jsonb_array_elements(s.allowance) AS a
                             WHERE a ->> 'measure' = s.measure), 0) AS base_limit,
       s."limit", s.ratio, coalesce(gravest.level, 'ok') AS level, s.ratio AS highest_ratio,
       coalesce(gravest.level, 'ok') AS highest_level,
       CASE WHEN s.period_end <= :'moment'::timestamptz + interval '1 second' THEN s.spent ELSE s.forecast END AS forecast,
       :'moment'::timestamptz AS as_of
FROM stage_status s
:levels
WHERE :'tenant_id'::text IS NULL
   OR (s.scope ->> 'source' = :'source'::text AND s.scope ->> 'tenant_id' = :'tenant_id'::text)
ORDER BY s.ratio DESC, s.budget_id, s.scope_value
