-- The columns of a table or view of the warehouse, with the comments that the migrations gave them.
-- Reads the catalogue. Writes nothing.
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS kind, NOT a.attnotnull AS nullable,
       col_description(a.attrelid, a.attnum) AS comment
FROM pg_attribute a
WHERE a.attrelid = to_regclass('usage.' || :'table') AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
