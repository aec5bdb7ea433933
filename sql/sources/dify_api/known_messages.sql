-- Messages (:events, their event ids) as they were counted: their app, model and caller, which the console does not say
-- again for a single message. Reads usage.usage_event by primary key. Writes nothing.
SELECT substr(event_id, 9) AS message_id, app_id, provider, model, caller_kind, caller_id
FROM usage.usage_event
WHERE source = :'source' AND event_id = ANY(:'events'::text[])
