-- Says when an attempt ended, for the robots that it counts for. Writes usage.channel_turn. Safe to run twice.
UPDATE usage.channel_turn SET taken_at = :'now'::timestamptz
WHERE message_id = :'message_id' AND attempt = :'attempt'::integer
