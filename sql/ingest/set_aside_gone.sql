-- Takes off the list what was set aside and is not at the source any more, after it was asked for by primary key.
-- Reads stage_tool_call, stage_document. Writes usage.source_problem. Safe to run twice.
DELETE FROM usage.source_problem p
WHERE p.source = :'source' AND p.kind = 'set_aside' AND p.row_id = ANY(:'ids'::text[])
  AND NOT EXISTS (SELECT FROM stage_tool_call c WHERE c.id = p.row_id)
  AND NOT EXISTS (SELECT FROM stage_document d WHERE d.id = p.row_id)
