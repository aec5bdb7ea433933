-- Removes alerts that were raised before a moment, with all that happened to them; the audit's only way out.
-- Writes usage.alert and what hangs on it. Runs in a transaction that has set usage_pipeline.retention. Safe to run twice.
CREATE TEMPORARY TABLE IF NOT EXISTS old_alert (alert_id text PRIMARY KEY) ON COMMIT DROP;
INSERT INTO old_alert
SELECT a.alert_id FROM usage.alert a
WHERE a.created_at < :'before'::timestamptz
  AND NOT EXISTS (SELECT FROM usage.delivery d WHERE d.alert_id = a.alert_id AND d.state IN ('pending', 'sending'))
ORDER BY a.created_at LIMIT :'limit'::integer
ON CONFLICT DO NOTHING;
DELETE FROM usage.alert_delivery WHERE alert_id IN (SELECT alert_id FROM old_alert);
UPDATE usage.delivery SET fallback_for = NULL WHERE alert_id IN (SELECT alert_id FROM old_alert);
DELETE FROM usage.delivery WHERE alert_id IN (SELECT alert_id FROM old_alert);
DELETE FROM usage.acknowledgement WHERE alert_id IN (SELECT alert_id FROM old_alert);
DELETE FROM usage.resolution WHERE alert_id IN (SELECT alert_id FROM old_alert);
DELETE FROM usage.alert_event WHERE alert_id IN (SELECT alert_id FROM old_alert)
    OR (alert_id IS NULL AND at < :'before'::timestamptz);
DELETE FROM usage.alert WHERE alert_id IN (SELECT alert_id FROM old_alert);
SELECT count(*) FROM old_alert
