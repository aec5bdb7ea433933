-- Takes out of staging what cannot be counted, with its reason in words: it would stop all others, or spoil their sums.
-- A hint that makes no sense (a run's own total, an end) is taken as not said; the row it stands in counts.
-- Reads and writes the staging tables of Dify; writes aside, which holds what could not be read at all already. Safe to
-- run twice. Run first, before anything else looks at the staged rows.
-- Messages of chatflows are roll-ups that say who asked: of them only the time matters.
-- A message that two selections brought stands as the later one read it: from here on each is there once.
DELETE FROM stage_message m
USING (SELECT id, max(ctid) AS newest FROM stage_message GROUP BY id HAVING count(*) > 1) AS twice
WHERE m.id = twice.id AND m.ctid <> twice.newest;

INSERT INTO aside (kind, row_id, open_kind, open_id, occurred_at, detail, app_id)
SELECT 'message', m.id, 'message', m.id, m.created_at, bad.detail, m.app_id
FROM stage_message m
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN NOT usage.can_be_time(m.created_at, :'now'::timestamptz) THEN 'created_at is ' || usage.shown(m.created_at::text)
        WHEN m.app_id IS NULL THEN 'app_id is missing'
        WHEN m.run_id IS NOT NULL THEN NULL
        WHEN NOT usage.can_count(m.input_tokens) THEN 'message_tokens is ' || usage.shown(m.input_tokens::text)
        WHEN NOT usage.can_count(m.output_tokens) THEN 'answer_tokens is ' || usage.shown(m.output_tokens::text)
        WHEN NOT usage.can_cost(coalesce(m.price, 0)) THEN 'total_price is ' || usage.shown(m.price::text)
        WHEN NOT usage.can_cost(coalesce(m.input_price, 0)) THEN 'message_unit_price makes ' || usage.shown(m.input_price::text)
        WHEN NOT usage.can_cost(coalesce(m.output_price, 0)) THEN 'answer_unit_price makes ' || usage.shown(m.output_price::text)
        WHEN NOT (usage.can_count(coalesce(m.thought_tokens, 0)) AND usage.can_count(coalesce(m.thought_input_tokens, 0))
                  AND usage.can_count(coalesce(m.thought_output_tokens, 0)))
        THEN 'the tokens of its message_agent_thoughts are ' || usage.shown(m.thought_tokens::text)
        WHEN NOT usage.can_cost(coalesce(m.thought_price, 0))
        THEN 'the total_price of its message_agent_thoughts is ' || usage.shown(m.thought_price::text)
    END AS detail
) AS bad
WHERE bad.detail IS NOT NULL;

INSERT INTO aside (kind, row_id, open_kind, open_id, occurred_at, detail, stays)
SELECT DISTINCT ON (r.id) 'run', r.id, 'run', r.id, r.created_at, bad.detail, usage.can_be_time(r.created_at, :'now'::timestamptz)
FROM stage_run r
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN NOT usage.can_be_time(r.created_at, :'now'::timestamptz) THEN 'created_at is ' || usage.shown(r.created_at::text)
        WHEN NOT usage.can_count(r.total_tokens) THEN 'total_tokens is ' || usage.shown(r.total_tokens::text)
        WHEN r.finished_at IS NOT NULL AND NOT usage.can_be_time(r.finished_at, :'now'::timestamptz)
        THEN 'finished_at is ' || usage.shown(r.finished_at::text)
    END AS detail
) AS bad
WHERE bad.detail IS NOT NULL
ORDER BY r.id;

INSERT INTO aside (kind, row_id, open_kind, open_id, occurred_at, detail, stays)
SELECT DISTINCT ON (n.id) 'node', n.id, 'run', n.run_id, n.created_at, bad.detail, bad.detail LIKE 'finished_at%'
FROM stage_node n
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN NOT usage.can_be_time(n.created_at, :'now'::timestamptz) THEN 'created_at is ' || usage.shown(n.created_at::text)
        WHEN usage.absurd_tokens(n.meta_tokens) THEN 'execution_metadata.total_tokens is ' || usage.shown(n.meta_tokens)
        WHEN usage.absurd_tokens(n.usage_tokens) THEN 'usage.total_tokens is ' || usage.shown(n.usage_tokens)
        WHEN usage.absurd_tokens(n.usage_input) THEN 'usage.prompt_tokens is ' || usage.shown(n.usage_input)
        WHEN usage.absurd_tokens(n.usage_output) THEN 'usage.completion_tokens is ' || usage.shown(n.usage_output)
        WHEN usage.absurd_price(n.meta_price) THEN 'execution_metadata.total_price is ' || usage.shown(n.meta_price)
        WHEN usage.absurd_price(n.usage_price) THEN 'usage.total_price is ' || usage.shown(n.usage_price)
        WHEN n.finished_at IS NOT NULL AND NOT usage.can_be_time(n.finished_at, :'now'::timestamptz)
        THEN 'finished_at is ' || usage.shown(n.finished_at::text)
    END AS detail
) AS bad
WHERE bad.detail IS NOT NULL
ORDER BY n.id;

INSERT INTO aside (kind, row_id, occurred_at, detail)
SELECT DISTINCT ON (c.id) 'tool_call', c.id, c.created_at, bad.detail
FROM stage_tool_call c
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN NOT usage.can_be_time(c.created_at, :'now'::timestamptz) THEN 'created_at is ' || usage.shown(c.created_at::text)
        WHEN NOT usage.can_count(c.input_tokens) THEN 'prompt_tokens is ' || usage.shown(c.input_tokens::text)
        WHEN NOT usage.can_count(c.output_tokens) THEN 'answer_tokens is ' || usage.shown(c.output_tokens::text)
        WHEN NOT usage.can_cost(coalesce(c.price, 0)) THEN 'total_price is ' || usage.shown(c.price::text)
    END AS detail
) AS bad
WHERE bad.detail IS NOT NULL
ORDER BY c.id;

INSERT INTO aside (kind, row_id, occurred_at, detail)
SELECT DISTINCT ON (d.id) 'document', d.id, d.occurred_at, bad.detail
FROM stage_document d
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN NOT usage.can_be_time(d.occurred_at, :'now'::timestamptz) THEN 'completed_at is ' || usage.shown(d.occurred_at::text)
        WHEN NOT usage.can_count(d.tokens)
        THEN CASE d.kind WHEN 'summary' THEN 'summaries (document_segment_summaries).' ELSE '' END || 'tokens is ' || usage.shown(d.tokens::text)
    END AS detail
) AS bad
WHERE bad.detail IS NOT NULL
ORDER BY d.id;

DELETE FROM stage_message m USING aside a WHERE a.kind = 'message' AND a.row_id = m.id;
DELETE FROM stage_run r USING aside a WHERE a.kind = 'run' AND NOT a.stays AND a.row_id = r.id;
DELETE FROM stage_node n USING aside a WHERE a.kind = 'node' AND NOT a.stays AND a.row_id = n.id;
DELETE FROM stage_tool_call c USING aside a WHERE a.kind = 'tool_call' AND a.row_id = c.id;
DELETE FROM stage_document d USING aside a WHERE a.kind = 'document' AND a.row_id = d.id;

UPDATE stage_run r
SET total_tokens = CASE WHEN usage.can_count(r.total_tokens) THEN r.total_tokens ELSE 0 END,
    finished_at = CASE WHEN usage.can_be_time(r.finished_at, :'now'::timestamptz) THEN r.finished_at END
FROM aside a WHERE a.kind = 'run' AND a.stays AND a.row_id = r.id;
UPDATE stage_node n SET finished_at = NULL FROM aside a WHERE a.kind = 'node' AND a.stays AND a.row_id = n.id;
