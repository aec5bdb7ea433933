-- Writes who has seen an alert; no row when somebody had before. Writes usage.acknowledgement. Safe to run twice.
INSERT INTO usage.acknowledgement (alert_id, at, by_whom, note, known_by)
VALUES (:'alert_id', :'now'::timestamptz, :'by', :'note', :'known_by')
ON CONFLICT DO NOTHING
RETURNING alert_id
