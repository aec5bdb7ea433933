-- Keeps how a day of a source came out. Writes usage.reconciliation. Safe to run twice: a day has one row.
-- :sums is a JSON object of the sums' columns; a day that could not be compared has none.
INSERT INTO usage.reconciliation AS known (
    source, usage_date, state, says, compared_until, our_events, our_tokens, our_base_cost, message_rows,
    message_tokens, run_rows, run_tokens, rolled_up_tokens, thought_tokens, nested_tokens, beside_total_tokens,
    other_day_tokens, single_step_tokens, tool_call_tokens, other_tokens, gone_tokens, late_tokens,
    unexplained_tokens, debug_tokens, container_tokens, gone_events, misfits, misfit_rows, healed_at, checked_at
)
SELECT :'source', :'day'::date, :'state', :'says', :'compared_until'::timestamptz, s.*, :'misfits'::bigint,
       :'rows'::jsonb, :'healed_at'::timestamptz, clock_timestamp()
FROM (
    SELECT coalesce(our_events, 0), coalesce(our_tokens, 0), coalesce(our_base_cost, 0), coalesce(message_rows, 0),
           coalesce(message_tokens, 0), coalesce(run_rows, 0), coalesce(run_tokens, 0),
           coalesce(rolled_up_tokens, 0), coalesce(thought_tokens, 0), coalesce(nested_tokens, 0),
           coalesce(beside_total_tokens, 0), coalesce(other_day_tokens, 0), coalesce(single_step_tokens, 0),
           coalesce(tool_call_tokens, 0), coalesce(other_tokens, 0), coalesce(gone_tokens, 0),
           coalesce(late_tokens, 0), coalesce(unexplained_tokens, 0), coalesce(debug_tokens, 0),
           coalesce(container_tokens, 0), coalesce(gone_events, 0)
    FROM jsonb_to_record(:'sums'::jsonb) AS sum (
        our_events bigint, our_tokens bigint, our_base_cost numeric, message_rows bigint, message_tokens bigint,
        run_rows bigint, run_tokens bigint, rolled_up_tokens bigint, thought_tokens bigint, nested_tokens bigint,
        beside_total_tokens bigint, other_day_tokens bigint, single_step_tokens bigint, tool_call_tokens bigint,
        other_tokens bigint, gone_tokens bigint, late_tokens bigint, unexplained_tokens bigint, debug_tokens bigint,
        container_tokens bigint, gone_events bigint)
) AS s
ON CONFLICT (source, usage_date) DO UPDATE
SET state = excluded.state, says = excluded.says, compared_until = excluded.compared_until,
    our_events = excluded.our_events, our_tokens = excluded.our_tokens, our_base_cost = excluded.our_base_cost,
    message_rows = excluded.message_rows, message_tokens = excluded.message_tokens, run_rows = excluded.run_rows,
    run_tokens = excluded.run_tokens, rolled_up_tokens = excluded.rolled_up_tokens,
    thought_tokens = excluded.thought_tokens, nested_tokens = excluded.nested_tokens,
    beside_total_tokens = excluded.beside_total_tokens, other_day_tokens = excluded.other_day_tokens,
    single_step_tokens = excluded.single_step_tokens, tool_call_tokens = excluded.tool_call_tokens,
    other_tokens = excluded.other_tokens, gone_tokens = excluded.gone_tokens, late_tokens = excluded.late_tokens,
    unexplained_tokens = excluded.unexplained_tokens, debug_tokens = excluded.debug_tokens,
    container_tokens = excluded.container_tokens, gone_events = excluded.gone_events, misfits = excluded.misfits,
    misfit_rows = excluded.misfit_rows, healed_at = coalesce(excluded.healed_at, known.healed_at),
    checked_at = excluded.checked_at
