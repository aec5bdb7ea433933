-- The rows that do not fit on the newest :days days, the newest day first. Reads usage.reconciliation. Writes nothing.
SELECT source, usage_date AS day, m ->> 'event_id' AS event, m ->> 'what' AS what, m ->> 'ours' AS ours,
       m ->> 'theirs' AS "the source's"
FROM usage.reconciliation CROSS JOIN LATERAL jsonb_array_elements(misfit_rows) AS m
WHERE state IN ('red', 'healed') AND usage_date > current_date - :'days'::int
ORDER BY usage_date DESC, 3
LIMIT 20
