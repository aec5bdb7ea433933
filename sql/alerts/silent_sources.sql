-- Configured sources that cannot be read now and have not been read to their end since :before.
-- Reads usage.source_state. Writes nothing.
SELECT s.id AS source, t.last_success_at, t.last_error
FROM unnest(:'sources'::text[]) AS s (id)
JOIN usage.source_state t ON t.source = s.id
WHERE t.last_error IS NOT NULL AND (t.last_success_at IS NULL OR t.last_success_at < :'before'::timestamptz)
ORDER BY s.id
