-- One row an app's API key, masked on the server: the secret itself is never read.
-- Reads api_tokens whole (at most ten an app). Writes nothing. created_at is the server's local time; last_used_at is
-- written by the application, in UTC.
SELECT
    k.id AS api_key_id,
    k.app_id,
    k.tenant_id,
    CASE WHEN CHAR_LENGTH(k.token) >= 20
         THEN CONCAT(LEFT(IF(LEFT(k.token, 4) = 'app-', SUBSTRING(k.token, 5), k.token), 4), '…', RIGHT(k.token, 4))
         ELSE '…' END AS masked,
    k.created_at AS created_at_server,
    k.last_used_at
FROM api_tokens k
WHERE k.type = 'app' AND k.app_id IS NOT NULL
