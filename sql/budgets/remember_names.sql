-- Keeps whose the names of scopes are (:owners, JSON) and forgets what no scope writes any more (:names, JSON).
-- Reads and writes usage.budget_name. Safe to run twice.
DELETE FROM usage.budget_name k
WHERE NOT EXISTS (
    SELECT FROM jsonb_to_recordset(:'names'::jsonb) AS n (budget_id text, dimension text, name text)
    WHERE (n.budget_id, n.dimension, n.name) = (k.budget_id, k.dimension, k.name));

INSERT INTO usage.budget_name AS known (budget_id, dimension, name, source, tenant_id)
SELECT o.budget_id, o.dimension, o.name, o.source, o.tenant_id
FROM jsonb_to_recordset(:'owners'::jsonb)
     AS o (budget_id text, dimension text, name text, source text, tenant_id text)
ON CONFLICT (budget_id, dimension, name) DO UPDATE SET source = excluded.source, tenant_id = excluded.tenant_id
WHERE (known.source, known.tenant_id) IS DISTINCT FROM (excluded.source, excluded.tenant_id)
