-- Ends a silence before its time; no row when none holds by that number. Writes usage.silence. Safe to run twice.
UPDATE usage.silence SET ends_at = greatest(:'now'::timestamptz, starts_at), ended_by = :'by', ended_known_by = :'known_by'
WHERE silence_id = :'silence_id'::bigint AND ends_at > :'now'::timestamptz
RETURNING silence_id
