-- The ids of an app's messages of a quarter of an hour whose sums did not fit.
-- Reads messages along (app_id, created_at). Writes nothing.
SELECT m.id::text FROM messages m
WHERE m.app_id = :'app_id'::uuid AND m.created_at >= :'since'::timestamp AND m.created_at < :'until'::timestamp
