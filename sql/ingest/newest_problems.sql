-- What was found in the sources that nothing explains, the newest first. Reads usage.source_problem. Writes nothing.
SELECT source, kind, row_id AS row, detail, first_seen_at AS first_seen
FROM usage.source_problem
ORDER BY first_seen_at DESC
LIMIT 20
