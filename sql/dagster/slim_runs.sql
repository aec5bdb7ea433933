-- Leaves of runs made before :before, which stay for what they found, only that: the newest of each asset, partition and
-- check, and that the run began and how it ended. Of the works :works alone; what people launched stays whole.
-- Reads and writes Dagster's own tables (1.13): event_logs, by their key asset_event_tags. Returns how many events went.
-- Safe to run twice and to kill: one statement.
WITH kept AS MATERIALIZED (
    SELECT r.run_id, EXISTS (
        SELECT FROM asset_check_executions c
        WHERE c.run_id = r.run_id AND NOT EXISTS (
            SELECT FROM asset_check_executions n
            WHERE n.asset_key = c.asset_key AND n.check_name = c.check_name
              AND n.partition IS NOT DISTINCT FROM c.partition AND n.id > c.id AND n.execution_status <> 'PLANNED')
    ) AS has_newest_check
    FROM runs r
    WHERE r.status IN ('SUCCESS', 'FAILURE', 'CANCELED') AND r.create_timestamp < :'before'::timestamp
      AND EXISTS (SELECT FROM run_tags t WHERE t.run_id = r.run_id AND t.key = 'usage_pipeline/work'
                  AND t.value = ANY (:'works'::text[]))
      AND NOT EXISTS (SELECT FROM run_tags t WHERE t.run_id = r.run_id AND t.key = 'dagster/backfill')
), gone AS (
    DELETE FROM event_logs e
    USING kept k
    WHERE e.run_id = k.run_id AND coalesce(e.dagster_event_type, '') NOT LIKE 'PIPELINE\_%'
      AND NOT (e.dagster_event_type = 'ASSET_CHECK_EVALUATION' AND k.has_newest_check)
      AND (e.dagster_event_type IS NULL OR e.asset_key IS NULL
           OR e.dagster_event_type NOT IN ('ASSET_MATERIALIZATION', 'ASSET_OBSERVATION')
           OR CASE WHEN e.partition IS NULL
                   THEN EXISTS (SELECT FROM event_logs n
                                WHERE n.asset_key = e.asset_key AND n.dagster_event_type = e.dagster_event_type
                                  AND n.id > e.id AND n.partition IS NULL)
                   ELSE EXISTS (SELECT FROM event_logs n
                                WHERE n.asset_key = e.asset_key AND n.dagster_event_type = e.dagster_event_type
                                  AND n.partition = e.partition AND n.id > e.id) END)
    RETURNING e.id
), tags AS (
    DELETE FROM asset_event_tags t USING gone g WHERE t.event_id = g.id
)
SELECT count(*) AS events FROM gone
