-- Leaves a robot alone for as long as it asks. Writes usage.channel_pause. Safe to run twice.
INSERT INTO usage.channel_pause (rate_key, paused_until)
SELECT key, :'until'::timestamptz FROM unnest(:'keys'::text[]) AS key
ON CONFLICT (rate_key) DO UPDATE SET paused_until = excluded.paused_until
