-- What /metrics shows, one row a measurement: name, labels and value, each name and labels once (after a budget's period was
-- changed, the period that was evaluated last counts). Reads usage.budget_status, usage.pass_record,
-- usage.source_state, usage.delivery, usage.alert_delivery. Writes nothing.
WITH standing AS (
    SELECT DISTINCT ON (b.budget_id, b.scope_value)
           b.budget_id, b.scope_value, b.scope_name, b.measure, b.spent, b."limit"
    FROM usage.budget_status b
    WHERE b.period_start <= now() AND b.period_end > now()
    ORDER BY b.budget_id, b.scope_value, b.as_of DESC, b.period_start DESC
), labelled AS (
    SELECT ARRAY[budget_id, scope_name, scope_value, measure] AS labels, spent, "limit" FROM standing
), hour AS (
    SELECT count(*) FILTER (WHERE held) AS ended_well, count(*) FILTER (WHERE NOT held) AS failed
    FROM usage.pass_record WHERE started_at > now() - interval '1 hour'
)
SELECT 'budget_spent' AS name, labels, spent::float8 AS value FROM labelled
UNION ALL SELECT 'budget_limit', labels, "limit"::float8 FROM labelled
UNION ALL SELECT 'passes_last_hour', ARRAY['ended well'], ended_well FROM hour
UNION ALL SELECT 'passes_last_hour', ARRAY['failed'], failed FROM hour
UNION ALL SELECT 'last_pass_timestamp_seconds', '{}', extract(epoch FROM max(finished_at))::float8
          FROM usage.pass_record WHERE held HAVING max(finished_at) IS NOT NULL
UNION ALL SELECT 'source_lag_seconds', ARRAY[source], greatest(extract(epoch FROM now() - read_up_to), 0)::float8
          FROM usage.source_state WHERE read_up_to IS NOT NULL
UNION ALL SELECT 'alerts_waiting', '{}', count(DISTINCT alert_id)::float8
          FROM usage.delivery WHERE state IN ('pending', 'sending')
UNION ALL SELECT 'channel_failures_last_hour', ARRAY[channel], count(*)::float8 FROM usage.alert_delivery
          WHERE outcome IN ('retry', 'permanent', 'unknown') AND started_at > now() - interval '1 hour' GROUP BY channel
