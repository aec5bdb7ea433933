-- The configuration that was active at :moment: :known where that is said; else the one that had become active last, by
-- when a version was first and last taken up; else the first one ever. One that waits was never active.
-- Reads usage.config_version. Writes nothing.
SELECT v.version_id, v.content, v.path, active.since <= :'moment'::timestamptz AS is_of_then
FROM usage.config_version v
CROSS JOIN LATERAL (
    SELECT coalesce(v.activated_at, CASE WHEN v.waits_since IS NULL THEN v.loaded_at END) AS since
) AS active
WHERE v.valid AND v.content IS NOT NULL AND active.since IS NOT NULL
ORDER BY v.version_id = :'known'::bigint DESC NULLS LAST,
         CASE WHEN v.last_seen_at <= :'moment'::timestamptz THEN greatest(v.last_seen_at, active.since)
              WHEN active.since <= :'moment'::timestamptz THEN active.since END DESC NULLS LAST,
         active.since, v.version_id
LIMIT 1
