-- Writes who goes on with a warehouse that was restored, and what is not to be sent again: :sent, the ids of deliveries that
-- were, and with :everything whatever waits by now. Writes usage.restore, usage.sent_before_restore, usage.delivery.
-- Safe to run twice.
INSERT INTO usage.sent_before_restore (delivery_id)
SELECT unnest(:'sent'::text[])
UNION
SELECT d.delivery_id FROM usage.delivery d WHERE :'everything'::boolean AND d.state IN ('pending', 'sending')
ON CONFLICT DO NOTHING;
UPDATE usage.restore SET accepted_at = clock_timestamp(), accepted_by = :'by' WHERE accepted_at IS NULL;
WITH kept AS (
    UPDATE usage.delivery d
    SET state = 'silenced', finished_at = now(), held_until = NULL, leased_until = NULL, leased_by = NULL,
        reason = 'sent before the warehouse was restored'
    WHERE d.state IN ('pending', 'sending') AND d.delivery_id IN (SELECT s.delivery_id FROM usage.sent_before_restore s)
    RETURNING d.delivery_id
)
SELECT count(*) FROM kept
