-- Writes a silence, which holds from now on. Writes usage.silence. Twice makes two.
INSERT INTO usage.silence (budget, scope, below, emergencies, starts_at, ends_at, reason, made_by, known_by)
VALUES (:'budget', :'scope', :'below', :'emergencies'::boolean, :'now'::timestamptz, :'until'::timestamptz, :'reason', :'by',
        :'known_by')
RETURNING silence_id
