-- Counts one attempt against a robot's rates. Writes usage.channel_turn. Safe to run twice.
INSERT INTO usage.channel_turn (rate_key, message_id, attempt, taken_at)
VALUES (:'rate_key', :'message_id', :'attempt'::integer, :'latest'::timestamptz)
ON CONFLICT DO NOTHING
