-- The apps that loops keep paused, or are about to. Reads usage.enforcement_action. Writes nothing.
SELECT DISTINCT a.source || '/' || a.app_id
FROM usage.enforcement_action a
WHERE a.tier_on = 'loop' AND a.release_at IS NULL AND a.released_at IS NULL
  AND a.state IN ('planned', 'approved', 'applied', 'verified')
