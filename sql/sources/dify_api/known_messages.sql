-- Messages (:ids) that are read again: their app, and their model and caller as they were counted, which the console does
-- not say again for a single message; of one that was set aside before it was ever counted only the app is known.
-- Reads usage.usage_event and usage.source_problem by primary key. Writes nothing.
SELECT i.id AS message_id, coalesce(e.app_id, p.app_id) AS app_id, e.provider, e.model, e.caller_kind, e.caller_id
FROM unnest(:'ids'::text[]) AS i (id)
LEFT JOIN usage.usage_event e ON e.source = :'source' AND e.event_id = 'message:' || i.id
LEFT JOIN usage.source_problem p ON p.source = :'source' AND p.kind = 'set_aside' AND p.row_id = i.id
WHERE coalesce(e.app_id, p.app_id) IS NOT NULL
