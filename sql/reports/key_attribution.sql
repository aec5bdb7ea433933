-- Of each project's API calls of the last 30 days, how many could be told to a key, and by what; the least told first.
-- Reads usage.daily_key_usage along usage_date, usage.project, usage.tenant. Writes nothing. The rate is the part of
-- the calls that a key is named for; `declared` rests on the configuration's word, the others on what was logged.
SELECT coalesce(t.name, d.tenant_id) AS tenant, coalesce(p.name, d.app_id) AS project, sum(d.calls)::bigint AS calls,
       round(coalesce(sum(d.calls) FILTER (WHERE d.key_attribution <> 'shared'), 0) / sum(d.calls), 4) AS rate,
       coalesce(sum(d.calls) FILTER (WHERE d.key_attribution = 'exact'), 0)::bigint AS exact,
       coalesce(sum(d.calls) FILTER (WHERE d.key_attribution = 'sole'), 0)::bigint AS sole,
       coalesce(sum(d.calls) FILTER (WHERE d.key_attribution = 'observed'), 0)::bigint AS observed,
       coalesce(sum(d.calls) FILTER (WHERE d.key_attribution = 'declared'), 0)::bigint AS declared,
       coalesce(sum(d.calls) FILTER (WHERE d.key_attribution = 'shared'), 0)::bigint AS shared
FROM usage.daily_key_usage d
LEFT JOIN usage.project p ON p.source = d.source AND p.app_id = d.app_id
LEFT JOIN usage.tenant t ON t.source = d.source AND t.tenant_id = d.tenant_id
WHERE d.usage_date > (now() AT TIME ZONE coalesce(t.timezone, 'UTC'))::date - 30 AND d.key_attribution <> 'none'
GROUP BY 1, 2
HAVING sum(d.calls) > 0
ORDER BY 4, 3 DESC, 1, 2
