-- What an edition's report said when it was sent or first was final. Reads usage.report_edition. Writes nothing.
SELECT made_at, sent_at, config_version, said
FROM usage.report_edition
WHERE edition = :'edition' AND first_day = :'first_day'::date AND source = :'source' AND tenant_id = :'tenant_id'
