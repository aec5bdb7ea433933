-- The configuration that was active at :moment: :known where that is said; else activated before and still seen afterwards,
-- the newest of these; else the one seen last before it; else the first one ever. Reads usage.config_version. Writes nothing.
SELECT version_id, content, path
FROM usage.config_version
WHERE valid AND content IS NOT NULL AND activated_at IS NOT NULL
ORDER BY version_id = :'known'::bigint DESC NULLS LAST, activated_at <= :'moment'::timestamptz DESC,
         activated_at <= :'moment'::timestamptz AND last_seen_at >= :'moment'::timestamptz DESC,
         CASE WHEN activated_at > :'moment'::timestamptz THEN activated_at END,
         CASE WHEN last_seen_at >= :'moment'::timestamptz THEN activated_at ELSE last_seen_at END DESC,
         version_id DESC
LIMIT 1
