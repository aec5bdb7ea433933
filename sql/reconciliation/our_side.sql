-- Our side of a day: every event that is booked on it, lies in its span, or belongs to one of its runs or source rows;
-- and the ledger of the runs behind them. Read once, along indexes; the comparisons then look at these alone.
-- Reads own_run, stage_event, own_unit, usage.usage_event, usage.run_ledger. Writes our_event, our_run.
WITH wanted AS (
    SELECT e.event_id FROM usage.usage_event e WHERE e.source = :'source' AND e.usage_date = :'day'::date
    UNION
    SELECT e.event_id FROM usage.usage_event e
    WHERE e.source = :'source' AND e.occurred_at >= :'since'::timestamptz AND e.occurred_at < :'day_end'::timestamptz
    UNION
    SELECT e.event_id FROM own_run r JOIN usage.usage_event e ON e.source = :'source' AND e.run_id = r.id
    UNION
    SELECT s.event_id FROM stage_event s
    UNION
    SELECT u.event_id FROM own_unit u
    WHERE u.occurred_at >= :'since'::timestamptz AND u.occurred_at < :'day_end'::timestamptz
)
INSERT INTO our_event
SELECT e.*, e.seal IS NOT DISTINCT FROM usage.seal_of(e)
FROM wanted w
JOIN usage.usage_event e ON e.source = :'source' AND e.event_id = w.event_id;

ANALYZE our_event;

WITH wanted AS (
    SELECT l.run_id FROM usage.run_ledger l
    WHERE l.source = :'source' AND l.created_at >= :'since'::timestamptz AND l.created_at < :'until'::timestamptz
    UNION
    SELECT r.id FROM own_run r
    UNION
    SELECT e.run_id FROM our_event e WHERE e.run_id IS NOT NULL
)
INSERT INTO our_run
SELECT l.*
FROM wanted w
JOIN usage.run_ledger l ON l.source = :'source' AND l.run_id = w.run_id;

ANALYZE our_run;
