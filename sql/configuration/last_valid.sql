-- The configuration that was in force last. Reads usage.config_version. Writes nothing.
SELECT version_id, content, hash FROM usage.config_version
WHERE valid AND content IS NOT NULL
ORDER BY (path = :'path') DESC, last_seen_at DESC, version_id DESC
LIMIT 1
