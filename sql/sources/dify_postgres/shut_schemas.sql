-- The schemas that hold a table of Dify and that the session's role may not enter. Reads the catalogue. Writes nothing.
SELECT quote_ident(n.nspname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = 'messages' AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT has_schema_privilege(n.oid, 'USAGE')
ORDER BY 1
