-- The last hundred passes, the newest first. Reads usage.pass_record. Writes nothing.
SELECT p.started_at, p.finished_at, p.held, p.error
FROM usage.pass_record p
ORDER BY p.started_at DESC
LIMIT 100
