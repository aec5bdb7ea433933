-- Actions of one source that something is to be done about at :now, releases first, then the oldest and largest.
-- Reads usage.enforcement_action. Writes nothing.
SELECT a.*
FROM usage.enforcement_action a
WHERE a.source = :'source' AND a.released_at IS NULL
  AND (a.release_at IS NOT NULL AND a.held IS NOT NULL AND a.next_attempt_at <= :'now'::timestamptz
       OR a.release_at IS NULL AND a.state IN ('approved', 'applied') AND a.next_attempt_at <= :'now'::timestamptz
       OR a.release_at IS NULL AND a.state = 'verified' AND a.looked_at <= :'look_before'::timestamptz
          AND a.next_attempt_at <= :'now'::timestamptz)
ORDER BY a.release_at IS NULL, a.state = 'verified', a.requested_at, a.place, a.action_id
