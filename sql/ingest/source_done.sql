-- Notes that a pass over a source has ended well. Writes usage.source_state. Safe to run twice.
INSERT INTO usage.source_state AS known (source, kind, read_up_to)
VALUES (:'source', :'kind', :'read_up_to'::timestamptz)
ON CONFLICT (source) DO UPDATE
SET last_pass_at = now(), last_success_at = now(), last_error = NULL,
    last_sweep_at = coalesce(:'swept_at'::timestamptz, known.last_sweep_at),
    last_new_event_at = CASE WHEN :'changed'::boolean THEN now() ELSE known.last_new_event_at END;
