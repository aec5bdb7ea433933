-- The tables of the warehouse by name. Reads the catalogue. Writes nothing.
SELECT c.relname::text
FROM pg_class c
WHERE c.relnamespace = to_regnamespace('usage') AND c.relkind IN ('r', 'p')
ORDER BY c.relname
