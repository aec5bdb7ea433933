-- Closes overrides whose end has come: approved ones have ended, pending ones have expired.
-- Writes usage.budget_override. Safe to run twice: what is closed is not closed again.
UPDATE usage.budget_override
SET state = CASE state WHEN 'approved' THEN 'ended' ELSE 'expired' END, closed_at = :'now'::timestamptz
WHERE state IN ('pending', 'approved') AND until <= :'now'::timestamptz
RETURNING override_id
