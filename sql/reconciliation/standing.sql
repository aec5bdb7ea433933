-- How the newest :days days came out: how many were compared, the events that their sources deleted, and in words each
-- day that did not fit when it was compared last. Reads usage.reconciliation. Writes nothing.
SELECT count(*) AS days, coalesce(sum(gone_events), 0)::bigint AS gone_events,
       coalesce(array_agg(format('%s %s: %s', source, usage_date, says) ORDER BY usage_date DESC)
                FILTER (WHERE state IN ('red', 'healed')), '{}') AS do_not_fit
FROM usage.reconciliation
WHERE usage_date > current_date - :'days'::int
