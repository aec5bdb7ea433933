-- Cuts the periods that the moments (:moments, JSON list of times) lie in, and finds the days of them that a definition
-- has not counted since they were last rolled up.
-- Reads stage_budget, stage_definition, usage.tenant, usage.rolled_day, usage.budget_day. Writes stage_cut, stage_stale.
-- Safe to run twice in an emptied session.
INSERT INTO stage_cut
SELECT DISTINCT p.period, z.zone, cut.first_day, cut.end_day, cut.starts, cut.ends
FROM (SELECT DISTINCT period FROM stage_budget) AS p
CROSS JOIN (
    SELECT zone FROM stage_budget
    UNION SELECT timezone FROM usage.tenant WHERE EXISTS (SELECT FROM stage_budget WHERE follows_tenant)
) AS z
JOIN LATERAL (
    SELECT t.moment::timestamptz, row_number() OVER (ORDER BY t.moment::timestamptz DESC) AS age
    FROM jsonb_array_elements_text(:'moments'::jsonb) AS t (moment)
) AS m ON m.age = 1 OR p.period NOT LIKE 'rolling:%'
CROSS JOIN LATERAL usage.period_cut(p.period, z.zone, m.moment) AS cut;

INSERT INTO stage_stale
SELECT d.n, d.definition_id, r.usage_date, r.version, d.by_event
FROM (
    -- Forecasts look eight weeks back; a month is compared with the one before.
    SELECT b.n, min(CASE WHEN d.by_event THEN c.first_day
                         ELSE least(c.first_day, (c.ends AT TIME ZONE 'UTC')::date - 58,
                                    CASE WHEN b.period = 'month' THEN (c.first_day - interval '1 month')::date END)
                    END) AS first_day,
           max(c.end_day) AS end_day
    FROM stage_budget b
    JOIN stage_definition d USING (n)
    JOIN stage_cut c USING (period)
    GROUP BY b.n
) AS needed
JOIN stage_definition d USING (n)
JOIN usage.rolled_day r ON r.usage_date >= needed.first_day AND r.usage_date < needed.end_day
LEFT JOIN usage.budget_day k ON k.definition_id = d.definition_id AND k.usage_date = r.usage_date
WHERE k.version IS DISTINCT FROM r.version;
