-- From which day to which there is anything to make again: two days more on both sides, for zones that change.
-- Reads usage.usage_event by both ends of its index, usage.rolled_day. Writes nothing.
SELECT min(known.day) - 2 AS first, max(known.day) + 2 AS last
FROM (
    (SELECT e.usage_date AS day FROM usage.usage_event e ORDER BY e.usage_date LIMIT 1)
    UNION ALL
    (SELECT e.usage_date FROM usage.usage_event e ORDER BY e.usage_date DESC LIMIT 1)
    UNION ALL
    SELECT min(r.usage_date) FROM usage.rolled_day r
    UNION ALL
    SELECT max(r.usage_date) FROM usage.rolled_day r
) AS known
