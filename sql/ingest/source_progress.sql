-- Moves a source's watermark, in the transaction of the rows it stands for. Writes usage.source_state.
-- Safe to run twice: it never moves back.
INSERT INTO usage.source_state AS known (source, kind, read_up_to)
VALUES (:'source', :'kind', :'read_up_to'::timestamptz)
ON CONFLICT (source) DO UPDATE SET read_up_to = greatest(known.read_up_to, excluded.read_up_to);
