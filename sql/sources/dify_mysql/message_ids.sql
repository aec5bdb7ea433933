-- The ids of an app's messages of a quarter of an hour whose sums did not fit.
-- Reads messages along (app_id, created_at) or created_at (:index names it). Writes nothing. created_at, @since and
-- @until are the server's local time.
SELECT m.id FROM messages m :index
WHERE m.app_id = @app_id AND m.created_at >= @since AND m.created_at < @until
