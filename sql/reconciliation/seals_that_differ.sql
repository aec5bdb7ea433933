-- Events of the day that no pass wrote as they are (their seal does not fit), or that stand on another day than their
-- moment's in the tenant's zone. Reads our_event, usage.tenant. Writes nothing.
SELECT e.event_id, e.run_id
FROM our_event e
LEFT JOIN usage.tenant t ON t.source = :'source' AND t.tenant_id = e.tenant_id
CROSS JOIN LATERAL (SELECT (e.occurred_at AT TIME ZONE coalesce(t.timezone, :'zone'))::date AS day) AS its
WHERE :'day'::date IN (e.usage_date, its.day)
  AND (NOT e.is_sealed OR (e.usage_date <> its.day AND e.gone_at_source IS NULL))
