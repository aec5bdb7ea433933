-- Whether the worker that holds a message is surely dead: its lease ran out hours ago, at :before or earlier.
-- Reads usage.delivery. Writes nothing.
SELECT EXISTS (
    SELECT FROM usage.delivery
    WHERE message_id = :'message_id' AND state = 'sending' AND leased_until < :'before'::timestamptz)
