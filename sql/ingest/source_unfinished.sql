-- Notes that a pass has left a source before its end: the next one goes on from the watermark. Writes usage.source_state.
-- Safe to run twice. A source that was read to its end before and now is not falls behind: that is an error in words;
-- one that is read for the first time only takes its time. A pass that stops has read its look-back before.
INSERT INTO usage.source_state AS known (source, kind, read_up_to, last_pass_at)
VALUES (:'source', :'kind', :'read_up_to'::timestamptz, now())
ON CONFLICT (source) DO UPDATE
SET last_pass_at = now(),
    last_sweep_at = coalesce(:'swept_at'::timestamptz, known.last_sweep_at),
    last_error = CASE WHEN known.last_success_at IS NOT NULL
                      THEN 'could not be read to its end within a pass; read up to '
                           || to_char(known.read_up_to AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC' END,
    last_new_event_at = CASE WHEN :'changed'::boolean THEN now() ELSE known.last_new_event_at END;
