-- Removes up to :at_once of Dagster's runs of the works :works that ended and were made before :before, with all that is
-- kept of them, unless a run holds what an asset, one of its partitions or a check was last found to be. Returns how many.
-- Reads and writes Dagster's own tables (1.13): runs and, by their key, run_tags; event_logs, asset_event_tags,
-- asset_check_executions, concurrency_slots, pending_steps. Safe to run twice and to kill: one statement.
WITH newest_check AS MATERIALIZED (
    SELECT DISTINCT ON (c.asset_key, c.check_name, c.partition) c.run_id
    FROM asset_check_executions c
    WHERE c.execution_status <> 'PLANNED'
    ORDER BY c.asset_key, c.check_name, c.partition, c.id DESC
), gone AS MATERIALIZED (
    SELECT r.run_id
    FROM runs r
    WHERE r.status IN ('SUCCESS', 'FAILURE', 'CANCELED') AND r.create_timestamp < :'before'::timestamp
      AND EXISTS (SELECT FROM run_tags t WHERE t.run_id = r.run_id AND t.key = 'usage_pipeline/work'
                  AND t.value = ANY (:'works'::text[]))
      AND NOT EXISTS (SELECT FROM run_tags t WHERE t.run_id = r.run_id AND t.key = 'dagster/backfill')
      AND NOT EXISTS (SELECT FROM newest_check n WHERE n.run_id = r.run_id)
      AND NOT EXISTS (
          SELECT FROM event_logs e
          WHERE e.run_id = r.run_id AND e.dagster_event_type IN ('ASSET_MATERIALIZATION', 'ASSET_OBSERVATION')
            -- Two ways to look for a newer one, for each has an index of its own.
            AND NOT CASE WHEN e.partition IS NULL
                         THEN EXISTS (SELECT FROM event_logs n
                                      WHERE n.asset_key = e.asset_key AND n.dagster_event_type = e.dagster_event_type
                                        AND n.id > e.id AND n.partition IS NULL)
                         ELSE EXISTS (SELECT FROM event_logs n
                                      WHERE n.asset_key = e.asset_key AND n.dagster_event_type = e.dagster_event_type
                                        AND n.partition = e.partition AND n.id > e.id) END)
    ORDER BY r.id
    LIMIT :'at_once'::integer
), events AS (
    DELETE FROM event_logs e USING gone g WHERE e.run_id = g.run_id RETURNING e.id, e.asset_key
), tags AS (
    DELETE FROM asset_event_tags t USING events e WHERE t.event_id = e.id AND e.asset_key IS NOT NULL
), checks AS (
    DELETE FROM asset_check_executions c USING gone g WHERE c.run_id = g.run_id
), slots AS (
    DELETE FROM concurrency_slots s USING gone g WHERE s.run_id = g.run_id
), steps AS (
    DELETE FROM pending_steps s USING gone g WHERE s.run_id = g.run_id
), runs_gone AS (
    DELETE FROM runs r USING gone g WHERE r.run_id = g.run_id RETURNING r.run_id
)
SELECT count(*) AS runs FROM runs_gone
