-- Notes what could not be read or is not known: it is counted as far as it can be, and said.
-- Reads stage_node, staged_figure, stage_message, run_figure, usage.run_ledger, usage.open_row. Writes usage.source_problem.
-- Safe to run twice. A problem that went away (a run that came after all, a text that can be read now) is taken off.
INSERT INTO usage.source_problem (source, kind, row_id, detail)
SELECT DISTINCT :'source', 'unreadable_json', n.id, 'node ' || n.node_id || ' of run ' || coalesce(n.run_id, 'none')
FROM stage_node n WHERE NOT n.readable
ON CONFLICT (source, kind, row_id) DO NOTHING;

DELETE FROM usage.source_problem p
USING stage_node n
WHERE p.source = :'source' AND p.kind = 'unreadable_json' AND p.row_id = n.id AND n.readable;

INSERT INTO usage.source_problem (source, kind, row_id, detail)
SELECT DISTINCT ON (f.node_type) :'source', 'unknown_node_type', f.node_type,
       'counted as a leaf; first seen in node ' || f.id
FROM staged_figure f
WHERE f.total_tokens > 0
  AND f.node_type NOT IN ('llm', 'question-classifier', 'parameter-extractor', 'knowledge-retrieval', 'agent', 'tool',
                          'iteration', 'loop', 'datasource', 'knowledge-index')
ORDER BY f.node_type, f.id
ON CONFLICT (source, kind, row_id) DO NOTHING;

INSERT INTO usage.source_problem (source, kind, row_id, detail)
SELECT DISTINCT :'source', 'run_missing', m.run_id, 'message ' || m.id || ' names a run that Dify did not store'
FROM stage_message m
WHERE m.run_id IS NOT NULL AND m.created_at < :'now'::timestamptz - interval '10 minutes'
  AND NOT EXISTS (SELECT FROM usage.run_ledger l WHERE l.source = :'source' AND l.run_id = m.run_id)
  AND NOT EXISTS (SELECT FROM stage_run r WHERE r.id = m.run_id)
ON CONFLICT (source, kind, row_id) DO NOTHING;

DELETE FROM usage.source_problem p
USING usage.run_ledger l
WHERE p.source = :'source' AND p.kind = 'run_missing' AND l.source = p.source AND l.run_id = p.row_id;


DELETE FROM usage.source_problem p
USING run_figure f
WHERE p.source = :'source' AND p.kind = 'unexplained' AND p.row_id = f.id AND f.unexplained_tokens = 0;

INSERT INTO usage.source_problem AS known (source, kind, row_id, detail)
SELECT :'source', 'unexplained', f.id,
       'its total says ' || f.unexplained_tokens || ' tokens more than its calls and every attempt that can have been made:'
       || ' counted nowhere (counting.unexplained)'
FROM run_figure f
WHERE f.unexplained_tokens > 0
ON CONFLICT (source, kind, row_id) DO UPDATE SET detail = excluded.detail WHERE known.detail <> excluded.detail;
