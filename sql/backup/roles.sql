-- The roles that have rights on the warehouse besides its owner: its readers, and a writer. Reads the catalogue. Writes nothing.
SELECT DISTINCT r.rolname::text
FROM pg_class c
CROSS JOIN LATERAL aclexplode(c.relacl) AS a
JOIN pg_roles r ON r.oid = a.grantee
WHERE c.relnamespace = to_regnamespace('usage') AND a.grantee <> c.relowner
ORDER BY 1
