-- Finds what is usual of each value whose calendar period runs: on which weekday how much, whether it has become more of
-- late, and how far days lie from it. Once a day and value.
-- Days out of the ordinary are capped first: neither a holiday nor a runaway moves what is usual.
-- Reads stage_status, stage_budget, stage_definition, usage.budget_value, usage.budget_spent. Writes stage_day and :rhythm
-- (usage.budget_rhythm, or stage_rhythm for a past day). Safe to run twice.
-- :judged_at is the moment to look ahead from.
-- Days without usage count as nothing, from the first one on.
INSERT INTO stage_day
SELECT r.budget_id, r.scope_value, r.measure, r.day, g.d::date, extract(isodow FROM g.d)::integer,
       coalesce(CASE r.measure WHEN 'tokens' THEN x.total_tokens WHEN 'input_tokens' THEN x.input_tokens
                               WHEN 'output_tokens' THEN x.output_tokens WHEN 'cost' THEN x.base_cost
                               ELSE x.calls END, 0)
FROM (
    SELECT s.budget_id, s.scope_value, s.measure, (:'judged_at'::timestamptz AT TIME ZONE s.zone)::date AS day, v.value_id
    FROM stage_status s
    JOIN stage_budget b USING (budget_id)
    JOIN stage_definition d USING (n)
    JOIN usage.budget_value v ON v.definition_id = d.definition_id AND v.scope_value = s.scope_value
    LEFT JOIN :rhythm k ON k.budget_id = s.budget_id AND k.scope_value = s.scope_value AND k.measure = s.measure
    WHERE NOT d.by_quarter AND s.period NOT LIKE 'rolling:%'
      AND s.period_start <= :'judged_at'::timestamptz AND s.period_end > :'judged_at'::timestamptz
      AND k.day IS DISTINCT FROM (:'judged_at'::timestamptz AT TIME ZONE s.zone)::date
) AS r
CROSS JOIN LATERAL (
    SELECT min(f.usage_date) AS first_day FROM usage.budget_spent f
    WHERE f.value_id = r.value_id AND f.usage_date >= r.day - 56 AND f.usage_date < r.day
) AS known
CROSS JOIN LATERAL generate_series(known.first_day::timestamp, r.day - 1, interval '1 day') AS g (d)
LEFT JOIN usage.budget_spent x ON x.value_id = r.value_id AND x.usage_date = g.d::date AND x.starts_at = '-infinity';

ANALYZE stage_day;

-- Rows are joined to sums of themselves: hashed, whatever is thought of their number.
SET LOCAL enable_nestloop = off;

WITH middle AS (
    SELECT budget_id, scope_value, measure, day, weekday > 5 AS weekend, count(*) AS known,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY amount::double precision)::numeric AS median,
           percentile_cont(0.8) WITHIN GROUP (ORDER BY amount::double precision)::numeric AS high
    FROM stage_day
    GROUP BY budget_id, scope_value, measure, day, weekday > 5
), calm AS (
    -- A runaway counts as a busy day, not as itself.
    SELECT d.*, m.weekend, least(d.amount, 3 * m.median + m.high) AS capped
    FROM stage_day d
    JOIN middle m ON m.budget_id = d.budget_id AND m.scope_value = d.scope_value AND m.measure = d.measure
     AND m.weekend = (d.weekday > 5)
), pooled AS (
    SELECT budget_id, scope_value, weekend, avg(capped) AS amount FROM calm GROUP BY budget_id, scope_value, weekend
), usual AS (
    -- A few days of one weekday say little: the others of its kind weigh as two more of them.
    SELECT c.budget_id, c.scope_value, c.weekday, (sum(c.capped) + 2 * p.amount) / (count(*) + 2) AS amount
    FROM calm c
    JOIN pooled p USING (budget_id, scope_value, weekend)
    GROUP BY c.budget_id, c.scope_value, c.weekday, p.amount
), weekly AS (
    SELECT v.budget_id, v.scope_value, array_agg(coalesce(u.amount, v.amount) ORDER BY w.weekday) AS usual
    FROM (SELECT budget_id, scope_value, avg(amount) AS amount FROM usual GROUP BY budget_id, scope_value) AS v
    CROSS JOIN generate_series(1, 7) AS w (weekday)
    LEFT JOIN usual u ON u.budget_id = v.budget_id AND u.scope_value = v.scope_value AND u.weekday = w.weekday
    GROUP BY v.budget_id, v.scope_value
), compared AS (
    SELECT c.*, u.amount AS usual
    FROM calm c
    JOIN usual u USING (budget_id, scope_value, weekday)
)
INSERT INTO :rhythm AS known
SELECT c.budget_id, c.scope_value, c.measure, c.day, count(*)::integer,
       y.usual,
       -- The last two weeks against the usual, a quarter believed.
       round(least(2, greatest(0.5, coalesce(
           0.75 + 0.25 * sum(c.capped) FILTER (WHERE c.usage_date >= c.day - 14)
           / nullif(sum(c.usual) FILTER (WHERE c.usage_date >= c.day - 14), 0), 1))), 6),
       -- Measured on the days that the usual was made of: a little more for those to come.
       coalesce(sqrt(sum((c.capped - c.usual)::numeric ^ 2) / greatest(count(*) - 5, 2)), 0)
FROM compared c
JOIN weekly y USING (budget_id, scope_value)
GROUP BY c.budget_id, c.scope_value, c.measure, c.day, y.usual
ON CONFLICT (budget_id, scope_value, measure) DO UPDATE
SET day = excluded.day, known_days = excluded.known_days, usual = excluded.usual, trend = excluded.trend,
    spread = excluded.spread;

SET LOCAL enable_nestloop = on;
