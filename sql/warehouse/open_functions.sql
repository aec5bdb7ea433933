-- Functions that PUBLIC may call and by which a login without rights on any table could still hold up or fill the
-- warehouse: advisory locks and large objects. Reads PostgreSQL's catalog. Writes nothing.
SELECT p.oid::regprocedure::text
FROM pg_proc p
WHERE p.pronamespace = 'pg_catalog'::regnamespace
  AND (p.proname ~ '^pg_(try_)?advisory_(xact_)?lock' OR p.proname ~ '^(lo_|lowrite|loread)')
  AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0)
