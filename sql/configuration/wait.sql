-- Keeps a version on record that is valid and not active yet, and since when it waits without another seen in between.
-- Writes usage.config_version. Safe to run twice.
WITH newest AS (
    SELECT hash, valid FROM usage.config_version ORDER BY last_seen_at DESC, version_id DESC LIMIT 1
)
INSERT INTO usage.config_version AS known (
    hash, path, last_seen_path, content, valid, changed_by, diff, waits_since)
VALUES (:'hash', :'path', :'path', :'content', true, :'changed_by', :'diff', clock_timestamp())
ON CONFLICT (hash, valid) DO UPDATE
SET activated_at = NULL, confirmed_by = NULL, last_seen_path = excluded.path,
    (last_seen_at, waits_since, passes_seen, last_seen_pass) = (
        SELECT CASE WHEN again THEN known.last_seen_at ELSE clock_timestamp() END,
               CASE WHEN again THEN known.waits_since ELSE excluded.waits_since END,
               CASE WHEN again THEN known.passes_seen ELSE 0 END,
               CASE WHEN again THEN known.last_seen_pass END
        FROM (SELECT known.activated_at IS NULL AND known.waits_since IS NOT NULL
                     AND EXISTS (SELECT FROM newest n WHERE n.hash = excluded.hash AND n.valid) AS again) AS seen)
RETURNING waits_since
