-- What was sent before the warehouse was restored, and has been written again since, is not sent again.
-- Reads usage.sent_before_restore, which is empty where nothing was restored. Writes usage.delivery. Safe to run twice.
UPDATE usage.delivery d
SET state = 'silenced', finished_at = now(), held_until = NULL, reason = 'sent before the warehouse was restored'
FROM usage.sent_before_restore s
WHERE s.delivery_id = d.delivery_id AND d.state = 'pending' AND d.attempts = 0
