-- A fragment: whether a row (d) fits the dimensions that are asked for and none that is left out, by names or by ids.
-- Null lists take in everything; lists hold LIKE patterns. :exact_included and :exact_excluded name values as source/id.
NOT EXISTS (
    SELECT FROM (
        VALUES :names_that_fit
    ) AS dimension (name, its, exact)
    WHERE :'included'::jsonb ? dimension.name AND NOT EXISTS (
              SELECT FROM unnest(dimension.its) AS it
              JOIN jsonb_array_elements_text(:'included'::jsonb -> dimension.name) AS pattern ON it LIKE pattern)
          AND NOT coalesce((:'exact_included'::jsonb -> dimension.name) ? dimension.exact, false)
       OR :'excluded'::jsonb ? dimension.name AND EXISTS (
              SELECT FROM unnest(dimension.its) AS it
              JOIN jsonb_array_elements_text(:'excluded'::jsonb -> dimension.name) AS pattern ON it LIKE pattern)
       OR coalesce((:'exact_excluded'::jsonb -> dimension.name) ? dimension.exact, false)
  )
