-- Decides on an override that is pending and has not run out. Writes usage.budget_override; returns no row when somebody
-- was faster. Safe to run twice and at once.
UPDATE usage.budget_override
SET state = :'state', decided_by = :'by', decided_known_by = :'known_by', decided_at = :'now'::timestamptz
WHERE override_id = :'override_id' AND state = 'pending' AND until > :'now'::timestamptz
RETURNING override_id
