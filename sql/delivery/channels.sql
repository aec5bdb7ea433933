-- The channel of each recipient of an alert. Reads usage.delivery. Writes nothing.
SELECT d.recipient, d.channel FROM usage.delivery d WHERE d.alert_id = :'alert_id'
