-- Marks open rows as read in this pass, before they are counted; a row that the source no longer has is closed, its
-- events stay. Reads stage_message, stage_run. Writes usage.open_row. Safe to run twice.
DELETE FROM usage.open_row o
WHERE o.source = :'source'
  AND ((o.kind = 'message' AND o.row_id = ANY(:'messages'::text[])
        AND NOT EXISTS (SELECT FROM stage_message m WHERE m.id = o.row_id))
    OR (o.kind = 'run' AND o.row_id = ANY(:'runs'::text[])
        AND NOT EXISTS (SELECT FROM stage_run r WHERE r.id = o.row_id)));

UPDATE usage.open_row o
SET read_at = clock_timestamp(), next_read_at = greatest(o.next_read_at, o.since)
WHERE o.source = :'source'
  AND ((o.kind = 'message' AND o.row_id = ANY(:'messages'::text[]))
    OR (o.kind = 'run' AND o.row_id = ANY(:'runs'::text[])));
