-- Names the calls from :since on that several keys may have made: a later look at the keys may tell which it was.
-- Reads usage.usage_event along occurred_at. Writes restaged. Safe to run twice.
INSERT INTO restaged
SELECT e.event_id
FROM usage.usage_event e
WHERE e.source = :'source' AND e.occurred_at >= :'since'::timestamptz AND e.key_attribution = 'shared';

ANALYZE restaged;
