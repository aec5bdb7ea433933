-- Why the days from :first to :last may still change, as of :now: a row a reason and source of :sources (those that the
-- configuration names: what a source that is read no more left behind is final).
-- Reads report_tenant, report_source, report_reconciliation (scope.sql), usage.changed_day. Writes nothing.
WITH ends AS (
    SELECT source, max((:'last'::date + 1)::timestamp AT TIME ZONE timezone) AS day_end
    FROM report_tenant
    WHERE source = ANY(:'sources'::text[])
    GROUP BY source
), days AS (
    SELECT day::date AS usage_date
    FROM generate_series(:'first'::date::timestamp, :'last'::date::timestamp, interval '1 day') AS day
)
SELECT 'not_over' AS reason, source, :'last'::date AS usage_date FROM ends WHERE day_end > :'now'::timestamptz
UNION ALL
SELECT 'not_read', e.source, :'last'::date
FROM ends e LEFT JOIN report_source s USING (source)
WHERE e.day_end <= :'now'::timestamptz AND (s.read_up_to IS NULL OR s.read_up_to < e.day_end)
UNION ALL
SELECT 'not_replayed', e.source, :'last'::date
FROM ends e JOIN report_source s USING (source)
WHERE e.day_end <= :'now'::timestamptz AND s.final_up_to < e.day_end
UNION ALL
SELECT 'changed', c.source, max(c.usage_date)
FROM usage.changed_day c JOIN ends USING (source)
WHERE c.usage_date BETWEEN :'first'::date AND :'last'::date
GROUP BY c.source
UNION ALL
-- A source whose own sums cannot be asked (not_compared) is done when it is read.
SELECT CASE WHEN r.state IS NULL THEN 'not_compared' WHEN r.state = 'red' THEN 'unreconciled' ELSE 'not_compared_to_end' END,
       e.source, max(d.usage_date)
FROM ends e
CROSS JOIN days d
LEFT JOIN report_reconciliation r ON r.source = e.source AND r.usage_date = d.usage_date
WHERE e.day_end <= :'now'::timestamptz
  AND (r.state IS NULL OR r.state = 'red'
       OR (r.state IN ('green', 'healed') AND r.compared_until
           < e.day_end - (:'last'::date - d.usage_date) * interval '1 day' - interval '1 hour'))
GROUP BY 1, 2
ORDER BY 1, 2
