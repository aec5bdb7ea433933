-- What an event says already, and what its source no longer has (a caller or a workflow that was deleted since), stays.
-- Reads usage.usage_event by primary key, for the staged events that lack either. Writes stage_event. Safe to run twice.
UPDATE stage_event s
SET caller_id = coalesce(s.caller_id, e.caller_id),
    caller_kind = CASE WHEN s.caller_id IS NULL AND e.caller_id IS NOT NULL THEN e.caller_kind ELSE s.caller_kind END,
    provider = coalesce(s.provider, e.provider),
    model = CASE WHEN s.provider IS NULL THEN coalesce(s.model, e.model) ELSE s.model END
FROM (
    SELECT l.ctid AS row, known.*
    FROM stage_event l
    CROSS JOIN LATERAL (
        SELECT k.caller_kind, k.caller_id, k.provider, k.model FROM usage.usage_event k
        WHERE k.source = :'source' AND k.event_id = l.event_id
        OFFSET 0
    ) AS known
    WHERE (l.caller_id IS NULL AND known.caller_id IS NOT NULL) OR (l.provider IS NULL AND known.provider IS NOT NULL)
) AS e
WHERE s.ctid = e.row;
