-- The silences that hold at a moment, with their globs. Reads usage.silence. Writes nothing.
SELECT silence_id, budget, scope
FROM usage.silence
WHERE starts_at <= :'now'::timestamptz AND ends_at > :'now'::timestamptz
ORDER BY silence_id
