-- Marks a form of the web page as used, with what it does and by whom; no row when it was. Writes usage.used_form.
-- Safe to run twice and at once: of two who send the same form the first counts.
INSERT INTO usage.used_form (digest, at, alert_id, deed, recipient, person, known_by)
VALUES (:'digest'::bytea, :'now'::timestamptz, :'alert_id', :'deed', :'recipient', :'person', :'known_by')
ON CONFLICT DO NOTHING
RETURNING alert_id
