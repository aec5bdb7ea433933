-- The valid, whole indexes of Dify's tables with their columns in order; one on an expression lacks that column here.
-- Reads the catalogue. Writes nothing.
SELECT t.relname::text AS table_name, array_agg(a.attname::text ORDER BY k.position) AS columns
FROM pg_index i
JOIN pg_class t ON t.oid = i.indrelid
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, position)
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
WHERE t.relnamespace = current_schema()::regnamespace AND i.indisvalid AND i.indpred IS NULL
GROUP BY i.indexrelid, t.relname
