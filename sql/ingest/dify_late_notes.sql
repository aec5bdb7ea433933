-- Undoes late notes: Dify may apply the note of a start after that of the end (its Celery repositories do), and the row
-- says that it is running, without figures. What was counted of it stays.
-- A node that is tried again says so by the time of its new attempt; a run that goes on was paused, not over.
-- Reads usage.usage_event and usage.run_ledger by primary key, for the staged rows that are running. Writes stage_node,
-- stage_run. Safe to run twice. Run before anything is made of the staged rows.
UPDATE stage_node n
SET status = e.status, meta_tokens = e.total_tokens::text, meta_price = e.logged_cost::text,
    meta_currency = e.logged_currency, usage_input = e.input_tokens::text, usage_output = e.output_tokens::text
FROM (
    SELECT s.ctid AS row, known.*
    FROM stage_node s
    CROSS JOIN LATERAL (
        SELECT k.* FROM usage.usage_event k WHERE k.source = :'source' AND k.event_id = 'node:' || s.id
          AND k.seal IS NOT DISTINCT FROM usage.seal_of(k)
        OFFSET 0
    ) AS known
    WHERE s.status IN ('running', 'pending') AND known.occurred_at = s.created_at
      AND known.total_tokens > coalesce(usage.as_tokens(s.meta_tokens), usage.as_tokens(s.usage_tokens), 0)
) AS e
WHERE n.ctid = e.row;

UPDATE stage_run r
SET status = l.status, total_tokens = l.total_tokens, finished_at = l.finished_at
FROM (
    SELECT s.ctid AS row, known.*
    FROM stage_run s
    CROSS JOIN LATERAL (
        SELECT k.status, k.total_tokens, k.finished_at FROM usage.run_ledger k
        WHERE k.source = :'source' AND k.run_id = s.id
        OFFSET 0
    ) AS known
    WHERE s.status = 'running' AND known.total_tokens >= s.total_tokens
      AND known.status IN ('succeeded', 'failed', 'stopped', 'partial-succeeded')
) AS l
WHERE r.ctid = l.row;
