-- Writes an attempt's outcome, and what it means for the delivery if the delivery is still ours; an acceptance that
-- comes after the lease was lost still counts. Gives the delivery's state when it changed.
-- Writes usage.alert_delivery, usage.delivery. Safe to run twice.
WITH attempt AS (
    UPDATE usage.alert_delivery t
    SET outcome = :'outcome', http_status = :'status'::integer, answer = :'answer',
        retry_after_s = :'retry_after'::numeric, finished_at = :'now'::timestamptz
    WHERE t.delivery_id = :'delivery_id' AND t.attempt = :'attempt'::integer
)
UPDATE usage.delivery d
SET state = :'state', next_attempt_at = :'next'::timestamptz, leased_until = NULL, leased_by = NULL,
    finished_at = CASE WHEN :'state' IN ('delivered', 'failed') THEN :'now'::timestamptz END
WHERE d.delivery_id = :'delivery_id' AND d.state NOT IN ('delivered', 'failed')
  AND (d.attempts = :'attempt'::integer OR :'state' = 'delivered')
RETURNING d.state
