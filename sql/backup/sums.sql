-- What was counted, as one line that two warehouses must have in common. Reads usage.usage_event. Writes nothing.
SELECT count(*)::text AS events, coalesce(sum(total_tokens), 0)::text AS tokens,
       coalesce(sum(base_cost), 0)::text AS base_cost
FROM usage.usage_event
