-- Notes what was set aside and why, and has it read again by primary key until it is right.
-- Reads aside and the staging tables of Dify. Writes usage.source_problem, usage.open_row. Safe to run twice.
-- The longer a row has been set aside, the rarer it is read again, for 90 days. What is right by now is off the list.
DELETE FROM usage.source_problem p
USING (
    SELECT id FROM stage_message UNION SELECT id FROM stage_run UNION SELECT id FROM stage_node
    UNION SELECT id FROM stage_tool_call UNION SELECT id FROM stage_document
) AS s
WHERE p.source = :'source' AND p.kind = 'set_aside' AND p.row_id = s.id
  AND NOT EXISTS (SELECT FROM aside a WHERE a.row_id = s.id);

DELETE FROM usage.source_problem p
USING stage_run r
WHERE p.source = :'source' AND p.kind = 'set_aside' AND r.id = p.run_id
  AND NOT EXISTS (SELECT FROM aside a WHERE a.row_id = p.row_id);

INSERT INTO usage.source_problem AS known (source, kind, row_id, row_kind, run_id, app_id, detail)
SELECT DISTINCT ON (a.row_id)
       :'source', 'set_aside', a.row_id, a.kind, CASE WHEN a.kind = 'node' THEN a.open_id END, a.app_id,
       CASE WHEN a.stays THEN 'taken as not said: ' ELSE 'not counted until it is right: ' END
       || CASE a.kind WHEN 'message' THEN 'messages.' WHEN 'run' THEN 'workflow_runs.'
                      WHEN 'node' THEN 'workflow_node_executions.' WHEN 'tool_call' THEN 'tool_model_invokes.'
                      ELSE 'documents.' END || a.detail
       || CASE WHEN a.kind = 'node' AND a.open_id IS NOT NULL THEN ', of run ' || a.open_id ELSE '' END
FROM aside a
ORDER BY a.row_id, a.stays
ON CONFLICT (source, kind, row_id) DO UPDATE
SET detail = excluded.detail, row_kind = excluded.row_kind, run_id = excluded.run_id, app_id = excluded.app_id
WHERE (known.detail, known.row_kind, known.run_id, known.app_id)
      IS DISTINCT FROM (excluded.detail, excluded.row_kind, excluded.run_id, excluded.app_id);

INSERT INTO usage.open_row AS known (source, kind, row_id, occurred_at, reason, since, next_read_at)
SELECT DISTINCT ON (a.open_kind, a.open_id)
       :'source', a.open_kind, a.open_id,
       CASE WHEN usage.can_be_time(a.occurred_at, :'now'::timestamptz) THEN a.occurred_at ELSE :'now'::timestamptz END,
       'set aside', :'now'::timestamptz, :'now'::timestamptz
FROM aside a
WHERE a.open_id IS NOT NULL
ORDER BY a.open_kind, a.open_id
ON CONFLICT (source, kind, row_id) DO UPDATE
SET reason = excluded.reason, read_at = now(),
    since = CASE WHEN known.reason = 'set aside' THEN known.since ELSE excluded.since END,
    next_read_at = :'now'::timestamptz + CASE WHEN known.reason = 'set aside'
                                              THEN greatest(:'now'::timestamptz - known.since, interval '0') / 50
                                              ELSE interval '0' END;

DELETE FROM usage.open_row o
USING aside a
WHERE o.source = :'source' AND o.kind = a.open_kind AND o.row_id = a.open_id AND o.reason = 'set aside'
  AND o.since < :'now'::timestamptz - interval '90 days';
