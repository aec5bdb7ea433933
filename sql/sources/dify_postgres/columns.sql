-- The columns of Dify's tables and views, whether the session's role may read them, and whether a policy hides rows of
-- their table from it. Reads the catalogue. Writes nothing.
SELECT c.relname::text AS table_name, a.attname::text AS column_name,
       has_column_privilege(c.oid, a.attnum, 'SELECT') AS readable, row_security_active(c.oid) AS filtered
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND a.attnum > 0 AND NOT a.attisdropped
