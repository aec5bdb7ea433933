-- The estimate of a message or node that is staged again without one must go: it has tokens by now.
-- Reads known_event, stage_event. Writes gone_event. Safe to run twice.
INSERT INTO gone_event
SELECT 'stopped:' || split_part(known.event_id, ':', 2)
FROM known_event known
WHERE (known.event_id LIKE 'message:%' OR known.event_id LIKE 'node:%') AND known.total_tokens = 0
  AND NOT EXISTS (SELECT FROM stage_event s WHERE s.event_id = 'stopped:' || split_part(known.event_id, ':', 2));
