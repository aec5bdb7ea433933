-- Events of the day that no pass wrote as they are (their seal does not fit), or that stand on another day than their
-- moment's in the tenant's zone. Reads usage.usage_event along usage_date and occurred_at, usage.tenant. Writes nothing.
SELECT e.event_id, e.run_id
FROM usage.usage_event e
LEFT JOIN usage.tenant t ON t.source = :'source' AND t.tenant_id = e.tenant_id
CROSS JOIN LATERAL (SELECT (e.occurred_at AT TIME ZONE coalesce(t.timezone, :'zone'))::date AS day) AS its
WHERE e.source = :'source'
  AND (e.usage_date = :'day'::date
       OR (e.occurred_at >= :'since'::timestamptz AND e.occurred_at < :'day_end'::timestamptz))
  AND :'day'::date IN (e.usage_date, its.day)
  AND (e.seal IS DISTINCT FROM usage.seal_of(e) OR (e.usage_date <> its.day AND e.gone_at_source IS NULL))
