-- Notes how far a source's replica has come, when it has stopped or is behind; null when it is not. Writes
-- usage.source_state, where the source has been read before. Safe to run twice.
UPDATE usage.source_state
SET replayed_up_to = :'replayed_up_to'::timestamptz, final_up_to = :'final_up_to'::timestamptz
WHERE source = :'source';
