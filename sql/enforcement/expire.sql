-- Ends actions whose approval nobody gave in time. Writes usage.enforcement_action; returns their ids.
-- Safe to run twice: what has expired is planned no more.
UPDATE usage.enforcement_action SET state = 'expired'
WHERE state = 'planned' AND approve_until <= :'now'::timestamptz
RETURNING action_id
