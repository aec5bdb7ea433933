-- Foresees what stands at the end of each running calendar period: what is spent, the rest of today by the hourly course of
-- days like it, and the days to come by what is usual on their weekdays, with an interval that holds four of five outcomes.
-- A value known for less than a week keeps the straight line.
-- Reads stage_status, stage_budget, stage_definition, :rhythm (as sql/budgets/rhythm.sql left it), usage.budget_value,
-- usage.budget_spent, usage.daily_hour_usage. Writes stage_status. Safe to run twice.
-- :judged_at is the moment to look ahead from.
-- Which part of a day like today is over, by tenant and for all together: the mean of what was over on each of them.
WITH now_there AS (
    SELECT DISTINCT s.zone, coalesce(s.scope ->> 'source', '') AS source, coalesce(s.scope ->> 'tenant_id', '') AS tenant_id,
           :'judged_at'::timestamptz AT TIME ZONE s.zone AS at
    FROM stage_status s
), hour AS (
    SELECT h.source, h.tenant_id, h.usage_date, h.hour, h.total_tokens
    FROM usage.daily_hour_usage h
    WHERE h.usage_date > (:'judged_at'::timestamptz AT TIME ZONE 'UTC')::date - 30
    UNION ALL
    SELECT '', '', h.usage_date, h.hour, sum(h.total_tokens)
    FROM usage.daily_hour_usage h
    WHERE h.usage_date > (:'judged_at'::timestamptz AT TIME ZONE 'UTC')::date - 30
    GROUP BY h.usage_date, h.hour
), shares AS (
    SELECT n.zone, n.source, n.tenant_id, h.usage_date,
           sum(h.total_tokens * least(greatest(extract(epoch FROM n.at - date_trunc('day', n.at)) / 3600 - h.hour, 0), 1))
           / nullif(sum(h.total_tokens), 0) AS over
    FROM now_there n
    JOIN hour h ON h.source = n.source AND h.tenant_id = n.tenant_id
     AND h.usage_date >= n.at::date - 28 AND h.usage_date < n.at::date
     AND (extract(isodow FROM h.usage_date) > 5) = (extract(isodow FROM n.at) > 5)
    GROUP BY n.zone, n.source, n.tenant_id, h.usage_date
), elapsed AS (
    SELECT n.zone, n.source, n.tenant_id,
           coalesce(avg(s.over), extract(epoch FROM n.at - date_trunc('day', n.at)) / 86400) AS over
    FROM now_there n
    LEFT JOIN shares s USING (zone, source, tenant_id)
    GROUP BY n.zone, n.source, n.tenant_id, n.at
), ahead AS (
    SELECT s.budget_id, s.scope_value, s.period_start, s.spent, k.spread, least(e.over, 1) AS over,
           k.usual[extract(isodow FROM k.day)::integer] * k.trend AS today_usual,
           coalesce(today.amount, 0) AS today_spent, to_come.days, to_come.usual * k.trend AS to_come
    FROM stage_status s
    JOIN stage_budget b USING (budget_id)
    JOIN stage_definition d USING (n)
    JOIN :rhythm k USING (budget_id, scope_value, measure)
    JOIN usage.budget_value v ON v.definition_id = d.definition_id AND v.scope_value = s.scope_value
    JOIN elapsed e ON e.zone = s.zone AND e.source = coalesce(s.scope ->> 'source', '')
     AND e.tenant_id = coalesce(s.scope ->> 'tenant_id', '')
    LEFT JOIN LATERAL (
        SELECT CASE s.measure WHEN 'tokens' THEN x.total_tokens WHEN 'input_tokens' THEN x.input_tokens
                              WHEN 'output_tokens' THEN x.output_tokens WHEN 'cost' THEN x.base_cost
                              ELSE x.calls END AS amount
        FROM usage.budget_spent x WHERE x.value_id = v.value_id AND x.usage_date = k.day
    ) AS today ON true
    CROSS JOIN LATERAL (
        -- Whole weeks and the weekdays left over.
        SELECT n.days, coalesce(n.days / 7 * (SELECT sum(u) FROM unnest(k.usual) AS u), 0)
               + coalesce((SELECT sum(k.usual[extract(isodow FROM k.day + i)::integer])
                           FROM generate_series(1, n.days % 7) AS i), 0) AS usual
        FROM (SELECT greatest((s.period_end AT TIME ZONE s.zone)::date - k.day - 1, 0) AS days) AS n
    ) AS to_come
    WHERE NOT d.by_quarter AND s.period NOT LIKE 'rolling:%' AND k.known_days >= 7
      AND s.period_start <= :'judged_at'::timestamptz AND s.period_end > :'judged_at'::timestamptz
), foreseen AS (
    SELECT a.*, a.today_usual * (1 - a.over)
                -- A day above or below the usual goes on so, the more surely the later it is.
                * least(3, (a.today_spent + 0.5 * a.today_usual) / nullif((a.over + 0.5) * a.today_usual, 0)) AS rest_today,
           1.2816 * a.spread * sqrt(1 - a.over + a.days + 0.08 * a.days::numeric ^ 2) AS wide
    FROM ahead a
)
UPDATE stage_status s
SET forecast = round(f.spent + coalesce(f.rest_today, 0) + f.to_come, 6),
    forecast_low = round(greatest(f.spent, f.spent + coalesce(f.rest_today, 0) + f.to_come - f.wide), 6),
    forecast_high = round(f.spent + coalesce(f.rest_today, 0) + f.to_come + f.wide, 6)
FROM foreseen f
WHERE s.budget_id = f.budget_id AND s.scope_value = f.scope_value AND s.period_start = f.period_start;
