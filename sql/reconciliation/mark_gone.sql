-- Marks events whose row the source has deleted; the mark goes when the row comes back. Nothing else of them changes.
-- Reads misfit. Writes usage.usage_event. Safe to run twice.
UPDATE usage.usage_event e SET gone_at_source = :'now'::timestamptz
FROM misfit m
WHERE e.source = :'source' AND e.event_id = m.event_id AND m.what = 'gone at the source' AND e.gone_at_source IS NULL;

UPDATE usage.usage_event e SET gone_at_source = NULL
FROM misfit m
WHERE e.source = :'source' AND e.event_id = m.event_id AND m.what <> 'gone at the source'
  AND e.gone_at_source IS NOT NULL;
