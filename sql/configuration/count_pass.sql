-- Counts a pass that has seen the version that waits, and makes it active when enough have. Returns whether it is active now.
-- Writes usage.config_version. Safe to run twice: a pass counts once.
UPDATE usage.config_version
SET passes_seen = passes_seen + 1, last_seen_pass = :'pass_id',
    activated_at = CASE WHEN passes_seen + 1 >= :'enough'::integer THEN clock_timestamp() END,
    last_seen_at = CASE WHEN passes_seen + 1 >= :'enough'::integer THEN clock_timestamp() ELSE last_seen_at END
WHERE hash = :'hash' AND valid AND activated_at IS NULL AND last_seen_pass IS DISTINCT FROM :'pass_id'
RETURNING activated_at IS NOT NULL
