-- A row of the audit without a link, which was written behind the triggers; and a table of which more or fewer rows left than
-- their removals say. Reads usage.audit_chain, usage.removed_history and the tables that are sealed. Writes nothing.
SELECT 0::bigint AS seq, r.table_name, r.row_key, 'unsealed' AS problem
FROM (SELECT 'alert' AS table_name, alert_id AS row_key FROM usage.alert
      UNION ALL SELECT 'alert_delivery', delivery_id || '/' || attempt FROM usage.alert_delivery
      UNION ALL SELECT 'budget_override', override_id FROM usage.budget_override
      UNION ALL SELECT 'enforcement_action', action_id FROM usage.enforcement_action
      UNION ALL SELECT 'config_version', version_id::text FROM usage.config_version
      UNION ALL SELECT 'removed_history', removal_id::text FROM usage.removed_history
      UNION ALL SELECT 'budget_event', event_id::text FROM usage.budget_event
      UNION ALL SELECT 'alert_event', event_id::text FROM usage.alert_event
      UNION ALL SELECT 'enforcement_event', event_id::text FROM usage.enforcement_event
      UNION ALL SELECT 'silence', silence_id::text FROM usage.silence
      UNION ALL SELECT 'budget_lock', coalesce(lock_name, '') FROM usage.budget_lock) AS r
WHERE NOT EXISTS (SELECT FROM usage.audit_chain c WHERE c.table_name = r.table_name AND c.row_key = r.row_key)
UNION ALL
SELECT 0, coalesce(l.table_name, said.table_name), coalesce(l.rows, 0) || ' rows', 'uncounted'
FROM (SELECT table_name, count(*) AS rows FROM usage.audit_chain WHERE digest IS NULL GROUP BY 1) AS l
-- What left of a table before it was sealed has no links.
FULL JOIN (SELECT h.table_name, sum(h.rows) AS rows FROM usage.removed_history h
           WHERE h.table_name IN ('alert', 'alert_delivery')
              OR h.table_name = 'alert_event'
             AND h.at >= (SELECT min(c.at) FROM usage.audit_chain c WHERE c.table_name = 'alert_event')
           GROUP BY 1) AS said USING (table_name)
WHERE coalesce(l.rows, 0) <> coalesce(said.rows, 0)
LIMIT 1
