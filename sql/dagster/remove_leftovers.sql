-- Removes what Dagster keeps beside its runs, where it is older than :before and there is a newer one: materializations
-- reported without a run, changes of freshness, ticks of schedules and sensors (also of those that are there no more), and
-- what checks of runs found that are gone. Reads and writes Dagster's own tables (1.13). Safe to run twice and to kill.
WITH events AS (
    DELETE FROM event_logs e
    WHERE e.run_id = '' AND e.timestamp < :'before'::timestamp AND e.asset_key IS NOT NULL
      AND EXISTS (SELECT FROM event_logs n
                  WHERE n.asset_key = e.asset_key AND n.dagster_event_type = e.dagster_event_type
                    AND n.partition IS NOT DISTINCT FROM e.partition AND n.id > e.id)
    RETURNING e.id
)
DELETE FROM asset_event_tags t USING events e WHERE t.event_id = e.id;

DELETE FROM asset_check_executions c
WHERE c.create_timestamp < :'before'::timestamp
  AND NOT EXISTS (SELECT FROM runs r WHERE r.run_id = c.run_id)
  AND EXISTS (SELECT FROM asset_check_executions n
              WHERE n.asset_key = c.asset_key AND n.check_name = c.check_name
                AND n.partition IS NOT DISTINCT FROM c.partition AND n.id > c.id AND n.execution_status <> 'PLANNED');

DELETE FROM job_ticks t
WHERE t.timestamp < :'before'::timestamp
  AND EXISTS (SELECT FROM job_ticks n
              WHERE n.selector_id = t.selector_id AND n.timestamp >= t.timestamp AND n.id > t.id);
