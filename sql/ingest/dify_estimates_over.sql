-- The estimate of a message that is staged again without one must go: it has tokens by now.
-- Reads known_event, stage_event. Writes gone_event. Safe to run twice.
INSERT INTO gone_event
SELECT 'stopped:' || substr(known.event_id, length('message:') + 1)
FROM known_event known
WHERE known.event_id LIKE 'message:%' AND known.total_tokens = 0
  AND NOT EXISTS (SELECT FROM stage_event s
                  WHERE s.event_id = 'stopped:' || substr(known.event_id, length('message:') + 1));
