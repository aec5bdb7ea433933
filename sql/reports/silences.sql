-- The silences that hold or will, and with :every those that are over; the first to end first.
-- Reads usage.silence. Writes nothing.
SELECT silence_id, budget, scope, below, emergencies, starts_at, ends_at, reason, made_by, ended_by
FROM usage.silence
WHERE :'every'::boolean OR ends_at > now()
ORDER BY ends_at, silence_id
