-- What an event says already, and what its source no longer has (a caller or a workflow that was deleted since), stays.
-- Reads known_event, for the staged events that lack either. Writes stage_event. Safe to run twice.
UPDATE stage_event s
SET caller_id = coalesce(s.caller_id, e.caller_id),
    caller_kind = CASE WHEN s.caller_id IS NULL AND e.caller_id IS NOT NULL THEN e.caller_kind ELSE s.caller_kind END,
    provider = coalesce(s.provider, e.provider),
    model = CASE WHEN s.provider IS NULL THEN coalesce(s.model, e.model) ELSE s.model END
FROM known_event e
WHERE e.event_id = s.event_id
  AND ((s.caller_id IS NULL AND e.caller_id IS NOT NULL) OR (s.provider IS NULL AND e.provider IS NOT NULL));
