-- Whether a call from :since on may have been made by several keys. Reads usage.usage_event along occurred_at. Writes nothing.
SELECT EXISTS (
    SELECT FROM usage.usage_event e
    WHERE e.source = :'source' AND e.occurred_at >= :'since'::timestamptz AND e.key_attribution = 'shared'
)
