-- Each attempt to deliver one alert, and the deliveries that had none yet. Reads usage.delivery, usage.alert_delivery.
-- Writes nothing.
SELECT d.recipient, d.channel, t.attempt, t.started_at AS started, coalesce(t.outcome, d.state) AS outcome,
       t.http_status AS status, t.answer, t.run_id AS by
FROM usage.delivery d
LEFT JOIN usage.alert_delivery t USING (delivery_id)
WHERE d.alert_id = :'alert_id'
ORDER BY d.recipient, t.attempt
