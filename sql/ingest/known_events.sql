-- Looks up what the ledger says of the staged events, each by its key, once for all that ask.
-- Reads stage_event, usage.usage_event. Writes known_event; an event that is there already stays. Safe to run twice.
INSERT INTO known_event
SELECT s.event_id, e.*
FROM stage_event s
CROSS JOIN LATERAL (
    SELECT l.usage_date, l.total_tokens, l.logged_api_key_id, l.caller_kind, l.caller_id, l.provider, l.model
    FROM usage.usage_event l
    WHERE l.source = :'source' AND l.event_id = s.event_id
    OFFSET 0
) AS e
WHERE NOT EXISTS (SELECT FROM known_event k WHERE k.event_id = s.event_id)
