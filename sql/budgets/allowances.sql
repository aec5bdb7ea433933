-- What is added to limits for a value and period, with its reason. Whatever raises a limit for a while adds rows here;
-- evaluate.sql adds them up. Reads stage_spent, stage_budget, stage_limit, usage.budget_status,
-- usage.budget_override. Writes stage_allowance.
-- Rollover: what the period before left of the plain limit, up to a part of it; a period that was not evaluated leaves nothing.
INSERT INTO stage_allowance
SELECT s.budget_id, s.scope_value, s.period_start, l.measure,
       least(greatest(l.allowed - (k.measures -> l.measure ->> 'spent')::numeric, 0),
             trunc(l.allowed * b.rollover / 100, CASE l.measure WHEN 'cost' THEN 6 ELSE 0 END)), 'rollover'
FROM stage_spent s
JOIN stage_budget b USING (budget_id)
JOIN stage_limit l USING (budget_id)
JOIN usage.budget_status k ON k.budget_id = s.budget_id AND k.scope_value = s.scope_value AND k.period = s.period
 AND k.period_end = s.period_start
WHERE b.rollover IS NOT NULL AND k.measures ? l.measure;

-- Overrides that held at :judged_at, or at the period's end when that is past.
INSERT INTO stage_allowance
SELECT s.budget_id, s.scope_value, s.period_start, l.measure,
       coalesce(o.raise_by, l.allowed * o.raise_percent * 0.01), 'raise ' || o.override_id
FROM usage.budget_override o
JOIN stage_spent s ON s.budget_id = o.budget_id AND s.scope_value = o.scope_value
JOIN stage_limit l ON l.budget_id = o.budget_id AND (o.measure IS NULL OR l.measure = o.measure)
CROSS JOIN LATERAL (
    SELECT least(:'judged_at'::timestamptz, s.period_end - interval '1 microsecond') AS moment
) AS evaluated
WHERE o.state IN ('approved', 'ended') AND o.decided_at <= evaluated.moment AND o.until > evaluated.moment
