-- A fragment: the rows (d, of :rows) that one value of a budget takes in, with the names of their tenant (t),
-- project (p) and key (k). Null lists take in everything; lists hold LIKE patterns. :scope is budget_status.scope.
FROM :rows AS d
:names_of_row
CROSS JOIN (
    SELECT v.* FROM jsonb_to_record(:'scope'::jsonb)
        AS v (:value_columns)
) AS v
WHERE :in_value
  AND :fits_scope
