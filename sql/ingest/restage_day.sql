-- Names the events of one day: those booked on it, and those of the days around it that belong to it by its tenant's
-- zone. Reads usage.usage_event along (usage_date, source), usage.tenant. Writes restaged. Safe to run twice.
INSERT INTO restaged
SELECT e.event_id
FROM usage.usage_event e
LEFT JOIN usage.tenant t ON t.source = e.source AND t.tenant_id = e.tenant_id
WHERE e.source = :'source'
  AND e.usage_date BETWEEN :'day'::date - 2 AND :'day'::date + 2
  AND :'day'::date IN (e.usage_date, (e.occurred_at AT TIME ZONE coalesce(t.timezone, :'zone'))::date)
