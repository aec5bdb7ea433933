-- The silences that hold now for a budget's value, by its id and its name; parameters else as of silence.sql.
-- Reads and writes nothing.
SELECT covered.silence_id
FROM (
    SELECT :'budget_id'::text AS budget_id, :'scope_value'::text AS scope_value,
           jsonb_build_object('scope_name', :'scope_name'::text) AS facts
) AS a
CROSS JOIN unnest(:'silences'::bigint[], :'budgets'::text[], :'scopes'::text[]) AS covered (silence_id, budgets, scopes)
WHERE :fits
