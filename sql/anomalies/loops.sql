-- Callers of a project that go round in circles: at least :at_least calls within the last :minutes, with prompts that are
-- alike (they spread by less than a quarter) or only grow, and either more calls than on their busiest day of two weeks, or
-- :times the pace of that day (of eight hours) in each of the last three stretches of :minutes.
-- Reads usage.usage_event along occurred_at, usage.daily_usage along usage_date, usage.project. Writes nothing.
WITH recent AS (
    SELECT e.source, e.tenant_id, e.app_id, e.caller_kind, e.caller_id, e.occurred_at, e.input_tokens, e.total_tokens,
           coalesce(e.base_cost, 0) AS base_cost,
           floor(extract(epoch FROM :'now'::timestamptz - e.occurred_at) / (60 * :'minutes'::integer)) AS back,
           lag(e.input_tokens) OVER (PARTITION BY e.source, e.app_id, e.caller_kind, e.caller_id
                                     ORDER BY e.occurred_at, e.event_id) AS before
    FROM usage.usage_event e
    WHERE e.occurred_at > :'now'::timestamptz - 3 * make_interval(mins => :'minutes'::integer)
      AND e.occurred_at <= :'now'::timestamptz
      AND e.basis = 'logged' AND e.caller_id IS NOT NULL AND e.event_id NOT LIKE 'residual:%'
), suspect AS (
    SELECT r.source, r.tenant_id, r.app_id, r.caller_kind, r.caller_id, min(r.occurred_at) FILTER (WHERE back = 0) AS since,
           count(*) FILTER (WHERE back = 0) AS calls,
           least(count(*) FILTER (WHERE back = 0), count(*) FILTER (WHERE back = 1), count(*) FILTER (WHERE back = 2)) AS steady,
           sum(r.total_tokens) FILTER (WHERE back = 0) AS tokens, sum(r.base_cost) FILTER (WHERE back = 0) AS cost
    FROM recent r
    GROUP BY r.source, r.tenant_id, r.app_id, r.caller_kind, r.caller_id
    HAVING count(*) FILTER (WHERE back = 0) >= :'at_least'::integer
       AND (stddev_pop(r.input_tokens) FILTER (WHERE back = 0) <= avg(r.input_tokens) FILTER (WHERE back = 0) / 4
            OR count(*) FILTER (WHERE back = 0 AND r.input_tokens >= r.before) >= 0.8 * count(*) FILTER (WHERE back = 0))
), busiest AS (
    SELECT source, app_id, caller_kind, caller_id, max(calls) AS calls
    FROM (
        SELECT d.source, d.app_id, d.caller_kind, d.caller_id, d.usage_date, sum(d.calls) AS calls
        FROM usage.daily_usage d
        JOIN suspect s USING (source, app_id, caller_kind, caller_id)
        WHERE d.usage_date >= :'day'::date - 14 AND d.usage_date < :'day'::date
        GROUP BY d.source, d.app_id, d.caller_kind, d.caller_id, d.usage_date
    ) AS day
    GROUP BY source, app_id, caller_kind, caller_id
)
SELECT s.source, s.app_id, coalesce(p.name, s.app_id) AS project, s.caller_kind || ': ' || s.caller_id AS caller,
       s.since, s.calls, s.tokens, s.cost, coalesce(b.calls, 0) AS busiest_day
FROM suspect s
LEFT JOIN busiest b USING (source, app_id, caller_kind, caller_id)
LEFT JOIN usage.project p ON p.source = s.source AND p.app_id = s.app_id
WHERE s.calls > coalesce(b.calls, 0)
   OR s.steady >= :'times'::integer * b.calls * :'minutes'::integer / 480.0
ORDER BY s.calls DESC, project, caller
