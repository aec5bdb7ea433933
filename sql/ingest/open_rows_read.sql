-- Marks open rows as read in this pass, before they are counted; a row that the source no longer has is closed, its
-- events stay, and it is no problem any more. Reads stage_message, stage_run, aside (what could not be read at all).
-- Writes usage.open_row, usage.source_problem. Safe to run twice.
DELETE FROM usage.source_problem p
WHERE p.source = :'source' AND p.kind = 'set_aside'
  AND ((p.row_id = ANY(:'messages'::text[]) AND NOT EXISTS (SELECT FROM stage_message m WHERE m.id = p.row_id))
    OR (coalesce(p.run_id, p.row_id) = ANY(:'runs'::text[])
        AND NOT EXISTS (SELECT FROM stage_run r
                        WHERE r.id = coalesce(p.run_id, p.row_id))))
  AND NOT EXISTS (SELECT FROM aside a WHERE a.row_id = p.row_id);

DELETE FROM usage.open_row o
WHERE o.source = :'source'
  AND ((o.kind = 'message' AND o.row_id = ANY(:'messages'::text[])
        AND NOT EXISTS (SELECT FROM stage_message m WHERE m.id = o.row_id)
        AND NOT EXISTS (SELECT FROM aside a WHERE a.row_id = o.row_id))
    OR (o.kind = 'run' AND o.row_id = ANY(:'runs'::text[])
        AND NOT EXISTS (SELECT FROM stage_run r WHERE r.id = o.row_id)
        AND NOT EXISTS (SELECT FROM aside a WHERE a.row_id = o.row_id)));

UPDATE usage.open_row o
SET read_at = clock_timestamp(), next_read_at = greatest(o.next_read_at, o.since)
WHERE o.source = :'source'
  AND ((o.kind = 'message' AND o.row_id = ANY(:'messages'::text[]))
    OR (o.kind = 'run' AND o.row_id = ANY(:'runs'::text[])));
