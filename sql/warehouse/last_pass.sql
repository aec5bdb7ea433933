-- The newest pass that came to an end, whether every step of it held, and when the newest of all began; no row before the
-- first. Reads usage.pass_record. Writes nothing.
SELECT p.started_at, p.finished_at, coalesce(p.held, false) AS ok, p.error,
       (SELECT max(q.started_at) FROM usage.pass_record q) AS newest_began_at
FROM usage.pass_record p
WHERE p.finished_at IS NOT NULL
ORDER BY p.started_at DESC
LIMIT 1
