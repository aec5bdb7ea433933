-- The first row whose newest link lies in a stretch of the chain and that is not as this link sealed it: it was changed, it is
-- gone, or it is back although it had left. Reads usage.audit_chain and the tables that it seals. Writes nothing.
WITH sealed AS MATERIALIZED (
    SELECT c.seq, c.table_name, c.row_key, c.digest
    FROM usage.audit_chain c
    WHERE c.seq BETWEEN :'first'::bigint AND :'last'::bigint
      AND NOT EXISTS (SELECT FROM usage.audit_chain n
                      WHERE n.table_name = c.table_name AND n.row_key = c.row_key AND n.seq > c.seq)
), compared AS (
    SELECT s.*, CASE WHEN r.alert_id IS NOT NULL THEN usage.digest_of(r) END AS found
    FROM sealed s LEFT JOIN usage.alert r ON r.alert_id = s.row_key
    WHERE s.table_name = 'alert'
    UNION ALL
    SELECT s.*, CASE WHEN r.delivery_id IS NOT NULL THEN usage.digest_of(r) END
    FROM sealed s
    LEFT JOIN usage.alert_delivery r
      ON r.delivery_id = split_part(s.row_key, '/', 1) AND r.attempt = split_part(s.row_key, '/', 2)::integer
    WHERE s.table_name = 'alert_delivery'
    UNION ALL
    SELECT s.*, CASE WHEN r.override_id IS NOT NULL THEN usage.digest_of(r) END
    FROM sealed s LEFT JOIN usage.budget_override r ON r.override_id = s.row_key
    WHERE s.table_name = 'budget_override'
    UNION ALL
    SELECT s.*, CASE WHEN r.action_id IS NOT NULL THEN usage.digest_of(r) END
    FROM sealed s LEFT JOIN usage.enforcement_action r ON r.action_id = s.row_key
    WHERE s.table_name = 'enforcement_action'
    UNION ALL
    SELECT s.*, CASE WHEN r.version_id IS NOT NULL THEN usage.digest_of(r) END
    FROM sealed s LEFT JOIN usage.config_version r ON r.version_id = s.row_key::bigint
    WHERE s.table_name = 'config_version'
    UNION ALL
    SELECT s.*, CASE WHEN r.removal_id IS NOT NULL THEN usage.digest_of(r) END
    FROM sealed s LEFT JOIN usage.removed_history r ON r.removal_id = s.row_key::bigint
    WHERE s.table_name = 'removed_history'
    UNION ALL
    SELECT s.*, CASE WHEN r.event_id IS NOT NULL THEN usage.digest_of(r) END
    FROM sealed s LEFT JOIN usage.budget_event r ON r.event_id = s.row_key::bigint
    WHERE s.table_name = 'budget_event'
    UNION ALL
    SELECT s.*, CASE WHEN r.event_id IS NOT NULL THEN usage.digest_of(r) END
    FROM sealed s LEFT JOIN usage.alert_event r ON r.event_id = s.row_key::bigint
    WHERE s.table_name = 'alert_event'
    UNION ALL
    SELECT s.*, CASE WHEN r.event_id IS NOT NULL THEN usage.digest_of(r) END
    FROM sealed s LEFT JOIN usage.enforcement_event r ON r.event_id = s.row_key::bigint
    WHERE s.table_name = 'enforcement_event'
    UNION ALL
    SELECT s.*, CASE WHEN r.silence_id IS NOT NULL THEN usage.digest_of(r) END
    FROM sealed s LEFT JOIN usage.silence r ON r.silence_id = s.row_key::bigint
    WHERE s.table_name = 'silence'
    UNION ALL
    SELECT s.*, CASE WHEN r.lock_name IS NOT NULL THEN usage.digest_of(r) END
    FROM sealed s LEFT JOIN usage.budget_lock r ON r.lock_name = s.row_key
    WHERE s.table_name = 'budget_lock'
)
SELECT c.seq, c.table_name, c.row_key,
       CASE WHEN c.digest IS NULL THEN 'back' WHEN c.found IS NULL THEN 'gone' ELSE 'changed' END AS problem
FROM compared c
WHERE c.digest IS DISTINCT FROM c.found
ORDER BY c.seq
LIMIT 1
