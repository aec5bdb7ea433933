-- The type of record_id in the table (:table) in which the fork dify-plus keeps the API key of each call, and the
-- table's size in bytes. Reads the catalogue. Writes nothing.
SELECT format_type(a.atttypid, NULL) AS record_type, pg_relation_size(a.attrelid) AS size
FROM pg_attribute a
WHERE a.attrelid = to_regclass(:'table') AND a.attname = 'record_id'
