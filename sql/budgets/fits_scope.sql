-- A fragment: whether a row (d) fits the dimensions that are asked for and none that is left out, by the names of its tenant
-- (t), project (p) and key (k) or by ids. Null lists take in everything; lists hold LIKE patterns.
NOT EXISTS (
    SELECT FROM (
        VALUES ('tenant', ARRAY[t.name, d.tenant_id]), ('environment', ARRAY[d.environment]),
               ('project', ARRAY[p.name, d.app_id]), ('api_key', ARRAY[k.name, k.masked, d.api_key_id]),
               ('caller', ARRAY[d.caller_id]), ('provider', ARRAY[d.provider]), ('model', ARRAY[d.model]),
               ('node', ARRAY[d.node_title, d.node_id])
    ) AS dimension (name, its)
    WHERE :'included'::jsonb ? dimension.name AND NOT EXISTS (
              SELECT FROM unnest(dimension.its) AS it
              JOIN jsonb_array_elements_text(:'included'::jsonb -> dimension.name) AS pattern ON it LIKE pattern)
       OR :'excluded'::jsonb ? dimension.name AND EXISTS (
              SELECT FROM unnest(dimension.its) AS it
              JOIN jsonb_array_elements_text(:'excluded'::jsonb -> dimension.name) AS pattern ON it LIKE pattern)
  )
