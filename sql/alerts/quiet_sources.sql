-- Sources that can be read but give nothing new where they used to: in the same stretch of the week, from the last event to
-- now, most of the last six weeks had many events and none of them had none. A source younger than four weeks has no usual;
-- one whose replica is behind is said to be.
-- Reads usage.source_state, usage.usage_event along usage_event_recent. Writes nothing.
SELECT s.source, l.last AS last_event, w.usual
FROM usage.source_state s
CROSS JOIN LATERAL (
    SELECT e.occurred_at AS last FROM usage.usage_event e
    WHERE e.source = s.source AND e.occurred_at > :'now'::timestamptz - interval '7 days'
      AND e.occurred_at <= :'now'::timestamptz
    ORDER BY e.occurred_at DESC LIMIT 1
) AS l
CROSS JOIN LATERAL (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY n.events)::integer AS usual, min(n.events) AS least, count(*) AS weeks
    FROM generate_series(1, 6) AS k (week)
    CROSS JOIN LATERAL (
        SELECT count(*) AS events FROM usage.usage_event e
        WHERE e.source = s.source AND e.occurred_at > l.last - k.week * interval '7 days'
          AND e.occurred_at <= :'now'::timestamptz - k.week * interval '7 days'
    ) AS n
    WHERE EXISTS (SELECT FROM usage.usage_event e WHERE e.source = s.source
                  AND e.occurred_at <= l.last - k.week * interval '7 days'
                  AND e.occurred_at > l.last - (k.week + 1) * interval '7 days')
) AS w
WHERE s.source = ANY (:'sources'::text[]) AND s.last_error IS NULL AND s.replayed_up_to IS NULL
  AND l.last < :'now'::timestamptz - interval '30 minutes'
  AND w.weeks >= 4 AND w.usual >= 10 AND w.least >= 1
ORDER BY s.source
