-- The event ids of an app's messages that we have from :since up to :until. Reads usage.usage_event. Writes nothing.
SELECT event_id
FROM usage.usage_event
WHERE source = :'source' AND app_id = :'app_id' AND occurred_at >= :'since'::timestamptz
  AND occurred_at < :'until'::timestamptz AND event_id LIKE 'message:%'
