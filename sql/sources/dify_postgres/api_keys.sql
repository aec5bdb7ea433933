-- One row an app's API key, masked on the server: the secret itself is never read.
-- Reads api_tokens whole (at most ten an app). Writes nothing. :prompt says whether this Dify writes last_used_at within
-- the request (up to 1.12) or in batches later.
-- In psql: psql -v prompt=true -f api_keys.sql
SELECT
    k.id::text AS api_key_id,
    k.app_id::text,
    k.tenant_id::text,
    (CASE WHEN length(k.token) >= 20 THEN left(regexp_replace(k.token, '^app-', ''), 4) || '…' || right(k.token, 4)
          ELSE '…' END)::text AS masked,
    (k.created_at AT TIME ZONE 'UTC')::timestamptz AS created_at,
    (k.last_used_at AT TIME ZONE 'UTC')::timestamptz AS last_used_at,
    (:prompt)::boolean AS prompt
FROM api_tokens k
WHERE k.type = 'app' AND k.app_id IS NOT NULL
