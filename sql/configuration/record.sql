-- Keeps a version of the configuration file on record. Writes usage.config_version. Safe to run twice: the same bytes
-- are one version; only when they were seen last moves, and only when another version was seen meanwhile.
WITH newest AS (
    SELECT version_id, hash, valid FROM usage.config_version ORDER BY last_seen_at DESC, version_id DESC LIMIT 1
), recorded AS (
    INSERT INTO usage.config_version AS known (hash, path, content, valid, error, changed_by, diff)
    SELECT :'hash', :'path', :'content', :'valid'::boolean, :'error', :'changed_by', :'diff'
    WHERE NOT EXISTS (SELECT FROM newest n WHERE n.hash = :'hash' AND n.valid = :'valid'::boolean)
    ON CONFLICT (hash, valid) DO UPDATE SET last_seen_at = clock_timestamp()
    RETURNING version_id
)
SELECT version_id FROM recorded
UNION ALL
SELECT version_id FROM newest WHERE hash = :'hash' AND valid = :'valid'::boolean
LIMIT 1
