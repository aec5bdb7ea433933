-- The configuration that was active last: of this file before any other. Reads usage.config_version. Writes nothing.
SELECT version_id, content, hash, last_seen_path = :'path' AS of_this_file FROM usage.config_version
WHERE valid AND activated_at IS NOT NULL AND content IS NOT NULL
ORDER BY (last_seen_path = :'path') DESC, last_seen_at DESC, version_id DESC
LIMIT 1
