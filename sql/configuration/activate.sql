-- Makes a version active that has waited long enough, or that a person has confirmed. Writes usage.config_version.
-- Safe to run twice.
UPDATE usage.config_version
SET activated_at = clock_timestamp(), last_seen_at = clock_timestamp(), confirmed_by = :'confirmed_by'::text
WHERE hash = :'hash' AND valid AND activated_at IS NULL
