-- Remembers up to where a rule has looked; returns its id when it had not come that far. Writes usage.anomaly_look.
-- Safe to run twice and at once: each window is looked at once.
INSERT INTO usage.anomaly_look AS known (rule_id, looked_until)
VALUES (:'rule_id', :'looked_until'::timestamptz)
ON CONFLICT (rule_id) DO UPDATE SET looked_until = excluded.looked_until
WHERE known.looked_until < excluded.looked_until
RETURNING rule_id
