-- Keeps the list of source rows that are not final: they are read again by primary key until they are, or too old.
-- Reads stage_message, message_caller, stage_run, staged_figure, run_figure, usage.run_ledger. Writes usage.open_row and
-- usage.run_ledger (who asked, when a chatflow's message came after its run). Safe to run twice.
-- The older a row, the rarer it is read again: a fiftieth of its age later. A run is given up when nothing of it has
-- happened since :give_up: it was not first read, begun, resumed or continued by a node, nor found paused last time.
UPDATE usage.run_ledger known
SET caller_kind = m.kind, caller_id = coalesce(m.caller_id, known.caller_id)
FROM message_caller m
WHERE known.source = :'source' AND known.run_id = m.run_id
  AND known.triggered_from NOT IN ('webhook', 'schedule', 'plugin', 'debugging', 'single-step',
                                   'rag-pipeline-debugging', 'rag-pipeline-run')
  AND (known.caller_kind, known.caller_id) IS DISTINCT FROM (m.kind, coalesce(m.caller_id, known.caller_id));

WITH staged AS (
    SELECT
        'message' AS kind, m.id AS row_id, m.created_at AS occurred_at,
        CASE
            WHEN m.status = 'paused' AND m.created_at > :'now'::timestamptz - interval '90 days' THEN 'paused'
            WHEN m.input_tokens + m.output_tokens > 0 OR m.run_id IS NOT NULL THEN NULL
            WHEN m.created_at > :'now'::timestamptz - interval '1 day' THEN 'without tokens'
            WHEN m.status = 'normal' AND NOT m.has_answer AND m.created_at > :'give_up'::timestamptz THEN 'unfinished'
        END AS reason
    FROM stage_message m
    WHERE NOT EXISTS (SELECT FROM aside a WHERE a.open_kind = 'message' AND a.open_id = m.id)
    UNION ALL
    SELECT 'run', f.id, f.created_at,
        CASE
            WHEN f.status = 'paused' AND f.created_at > :'now'::timestamptz - interval '90 days' THEN 'paused'
            WHEN NOT f.finished AND f.first_read THEN 'unfinished'
            WHEN f.active_at <= :'give_up'::timestamptz AND coalesce(o.since, f.active_at) <= :'give_up'::timestamptz
                 AND o.reason IS DISTINCT FROM 'paused' THEN NULL
            WHEN NOT f.finished THEN 'unfinished'
            WHEN f.residual_tokens + f.unexplained_tokens > 0 THEN 'leaves below total'
        END
    FROM run_figure f
    LEFT JOIN usage.open_row o ON o.source = :'source' AND o.kind = 'run' AND o.row_id = f.id
    -- What is set aside of a run is read again with it (note_set_aside.sql).
    WHERE NOT EXISTS (SELECT FROM aside a WHERE a.open_kind = 'run' AND a.open_id = f.id)
), closed AS (
    DELETE FROM usage.open_row o
    USING staged s
    WHERE o.source = :'source' AND o.kind = s.kind AND o.row_id = s.row_id AND s.reason IS NULL
)
INSERT INTO usage.open_row AS known (source, kind, row_id, occurred_at, reason, since, next_read_at)
SELECT :'source', s.kind, s.row_id, s.occurred_at, s.reason, :'now'::timestamptz,
       :'now'::timestamptz + greatest(:'now'::timestamptz - s.occurred_at, interval '0') / 50
FROM staged s
WHERE s.reason IS NOT NULL
ON CONFLICT (source, kind, row_id) DO UPDATE
SET reason = excluded.reason, next_read_at = excluded.next_read_at, read_at = now(),
    since = CASE WHEN known.reason = 'paused' AND excluded.reason <> 'paused' THEN excluded.since ELSE known.since END;

-- Runs whose events still name somebody else are read again in this very pass.
INSERT INTO usage.open_row AS known (source, kind, row_id, occurred_at, reason, next_read_at)
SELECT DISTINCT :'source', 'run', l.run_id, l.created_at, 'caller known late', '-infinity'::timestamptz
FROM message_caller m
JOIN usage.run_ledger l ON l.source = :'source' AND l.run_id = m.run_id
JOIN usage.usage_event e ON e.source = :'source' AND e.run_id = l.run_id
WHERE (e.caller_kind, e.caller_id) IS DISTINCT FROM (l.caller_kind, l.caller_id)
ON CONFLICT (source, kind, row_id) DO UPDATE SET reason = excluded.reason, next_read_at = excluded.next_read_at;

-- A leaf that was read without its run (a console's single step) may be what the run's residual stands for: the run is
-- read again in this very pass.
INSERT INTO usage.open_row AS known (source, kind, row_id, occurred_at, reason, since, next_read_at)
SELECT DISTINCT :'source', 'run', l.run_id, l.created_at, 'leaf without its run', :'now'::timestamptz,
       '-infinity'::timestamptz
FROM staged_figure f
JOIN usage.run_ledger l ON l.source = :'source' AND l.run_id = f.run_id
JOIN usage.usage_event e ON e.source = :'source' AND e.event_id = 'residual:' || f.run_id
WHERE f.kind = 'leaf' AND NOT EXISTS (SELECT FROM run_figure r WHERE r.id = f.run_id)
ON CONFLICT (source, kind, row_id) DO UPDATE SET reason = excluded.reason, next_read_at = excluded.next_read_at;
