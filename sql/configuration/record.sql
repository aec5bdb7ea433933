-- Keeps a version of the configuration file on record, active if it is valid. Writes usage.config_version. Safe to run
-- twice: the same bytes are one version; only when they were seen last moves, and only when another version was seen
-- meanwhile, and one that waited waits no more.
WITH newest AS (
    SELECT version_id, hash, valid, activated_at, last_seen_path FROM usage.config_version
    ORDER BY last_seen_at DESC, version_id DESC LIMIT 1
), recorded AS (
    INSERT INTO usage.config_version AS known (hash, path, content, valid, error, changed_by, diff, activated_at,
                                              last_seen_path)
    SELECT :'hash', :'path', :'content', :'valid'::boolean, :'error', :'changed_by', :'diff',
           CASE WHEN :'valid'::boolean THEN clock_timestamp() END, :'path'
    WHERE NOT EXISTS (SELECT FROM newest n WHERE n.hash = :'hash' AND n.valid = :'valid'::boolean
                                             AND n.last_seen_path = :'path'
                                             AND (n.activated_at IS NOT NULL OR NOT n.valid))
    ON CONFLICT (hash, valid) DO UPDATE
    SET last_seen_at = clock_timestamp(), last_seen_path = excluded.path,
        activated_at = coalesce(known.activated_at, excluded.activated_at)
    RETURNING version_id
)
SELECT version_id FROM recorded
UNION ALL
SELECT version_id FROM newest WHERE hash = :'hash' AND valid = :'valid'::boolean
LIMIT 1
