-- The first and the last day with usage of a tenant (:tenant_id of :source; null: of all), and whether there is any from
-- :first to :last. Reads usage.daily_usage along usage_date. Writes nothing.
SELECT (SELECT min(d.usage_date) FROM usage.daily_usage d
        WHERE :'tenant_id'::text IS NULL OR (d.source = :'source'::text AND d.tenant_id = :'tenant_id'::text)) AS earliest,
       (SELECT max(d.usage_date) FROM usage.daily_usage d
        WHERE :'tenant_id'::text IS NULL OR (d.source = :'source'::text AND d.tenant_id = :'tenant_id'::text)) AS latest,
       EXISTS (SELECT FROM usage.daily_usage d
               WHERE d.usage_date BETWEEN :'first'::date AND :'last'::date
                 AND (:'tenant_id'::text IS NULL
                      OR (d.source = :'source'::text AND d.tenant_id = :'tenant_id'::text))) AS "any"
