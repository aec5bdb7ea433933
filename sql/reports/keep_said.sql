-- Keeps what an edition's report says. Writes usage.report_edition. Safe to run twice: what was sent stays as it was sent;
-- what was only made stays until it is sent.
INSERT INTO usage.report_edition AS known (
    edition, first_day, source, tenant_id, made_at, sent_at, config_version, said
)
VALUES (:'edition', :'first_day'::date, :'source', :'tenant_id', :'made_at'::timestamptz, :'sent_at'::timestamptz,
        :'config_version'::bigint, :'said'::jsonb)
ON CONFLICT (edition, first_day, source, tenant_id) DO UPDATE
SET made_at = excluded.made_at, sent_at = excluded.sent_at, config_version = excluded.config_version, said = excluded.said
WHERE known.sent_at IS NULL AND excluded.sent_at IS NOT NULL
