-- Where to end a window that starts at :since so that it holds about :messages messages and :runs runs.
-- Reads messages and workflow_runs along (created_at, id), at most that many entries. Writes nothing.
SELECT nullif(least(
    (SELECT m.created_at FROM messages m WHERE m.created_at >= :'since'::timestamp
     ORDER BY m.created_at OFFSET :'messages'::bigint LIMIT 1),
    (SELECT r.created_at FROM workflow_runs r WHERE r.created_at >= :'since'::timestamp
     ORDER BY r.created_at OFFSET :'runs'::bigint LIMIT 1),
    -- Times that no call was made at are read with the last window.
    timestamp '9999-01-01'), timestamp '9999-01-01') AT TIME ZONE 'UTC'
