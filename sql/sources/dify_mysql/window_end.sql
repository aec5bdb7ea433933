-- Where to end a window so that it holds about :messages messages from @since_server on (in the server's local time) and
-- :runs runs from @since on (in UTC), each in the time of its own table.
-- Reads messages and workflow_runs along an index on created_at, at most that many entries. Writes nothing.
-- In the mysql client: SET @since = '2026-11-24', @since_server = '2026-11-24 08:00:00'; and the rest by sed.
SELECT
    (SELECT m.created_at FROM messages m :message_index WHERE m.created_at >= @since_server
     ORDER BY m.created_at LIMIT 1 OFFSET :messages) AS message_end_server,
    (SELECT r.created_at FROM workflow_runs r :run_index WHERE r.created_at >= @since
     ORDER BY r.created_at LIMIT 1 OFFSET :runs) AS run_end
