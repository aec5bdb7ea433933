-- Days before :before whose events changed and to which no source that is being read will add soon: each (:sources) has
-- been read past them, by two days more than zones lie apart. Those of one month at most, the oldest first.
-- Reads usage.changed_day, usage.source_state. Writes nothing.
SELECT DISTINCT c.usage_date
FROM usage.changed_day c
WHERE c.usage_date < least(:'before'::date, (
    SELECT min(coalesce(s.read_up_to, '-infinity'))::date - 2
    FROM unnest(:'sources'::text[]) AS asked (source)
    LEFT JOIN usage.source_state s USING (source)
))
ORDER BY c.usage_date
LIMIT 31
