-- The last three passes when none of them came to its end, with the error of the last one and when one last did. A pass
-- without an end counts once another began after it, or a quarter of an hour later. Reads usage.pass_record.
SELECT (array_agg(x.error ORDER BY x.started_at DESC))[1] AS error,
       (SELECT max(p.finished_at) FROM usage.pass_record p WHERE p.held) AS last_held
FROM (
    SELECT p.started_at, p.held, p.error
    FROM usage.pass_record p
    WHERE p.started_at > :'now'::timestamptz - interval '1 day'
      AND (p.finished_at IS NOT NULL OR p.started_at < :'now'::timestamptz - interval '15 minutes'
           OR EXISTS (SELECT FROM usage.pass_record q WHERE q.started_at > p.started_at))
    ORDER BY p.started_at DESC
    LIMIT 3
) AS x
HAVING count(*) = 3 AND count(*) FILTER (WHERE x.held) = 0
