-- Whether a reader's role has exactly our settings, and none for a single database. Reads PostgreSQL's catalog. Writes
-- nothing.
SELECT coalesce(bool_and(s.setdatabase = 0
                         AND (SELECT array_agg(c ORDER BY c) FROM unnest(s.setconfig) c) = :'settings'::text[]), false)
FROM pg_db_role_setting s
JOIN pg_roles r ON r.oid = s.setrole
WHERE r.rolname = :'role'
