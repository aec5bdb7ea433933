-- Attempts and pauses that lie in the future were written by a clock that was set back since: they count as of now.
-- Attempts that no longer count are forgotten. Writes usage.channel_turn and usage.channel_pause. Safe to run twice.
WITH old AS (
    DELETE FROM usage.channel_turn
    WHERE rate_key = :'rate_key' AND taken_at < :'now'::timestamptz - :'longest'::interval - interval '2 hours'
), paused AS (
    UPDATE usage.channel_pause SET paused_until = :'now'::timestamptz + :'longest_pause'::interval
    WHERE rate_key = :'rate_key' AND paused_until > :'now'::timestamptz + :'longest_pause'::interval
)
UPDATE usage.channel_turn SET taken_at = :'latest'::timestamptz
WHERE rate_key = :'rate_key' AND taken_at > :'latest'::timestamptz
