-- When a robot takes a message again: null is now. Reads usage.channel_turn and usage.channel_pause. Writes nothing.
SELECT max(x.free_at) AS free_at
FROM (
    SELECT t.taken_at + :'per'::interval AS free_at
    FROM (
        SELECT taken_at FROM usage.channel_turn
        WHERE rate_key = :'rate_key' AND taken_at > :'now'::timestamptz - :'per'::interval
        ORDER BY taken_at DESC
        OFFSET :'limit'::integer - 1 LIMIT 1
    ) AS t
    UNION ALL
    SELECT paused_until FROM usage.channel_pause WHERE rate_key = :'rate_key' AND paused_until > :'now'::timestamptz
) AS x
