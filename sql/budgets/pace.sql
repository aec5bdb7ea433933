-- What decides beside spending how budgets stand, as a digest, and how it was when they were last evaluated; nulls where
-- they never were. Reads usage.project, usage.tenant, usage.api_key, usage.budget_override, usage.budget_tier,
-- usage.rolled_day, usage.budget_touched, usage.evaluation. Writes nothing.
SELECT now_so.inputs, now_so.rolled, e.inputs AS known_inputs, e.rolled AS known_rolled, e.evaluated_at, e.levels,
       EXISTS (SELECT FROM usage.budget_touched) AS touched,
       -- A tier that has to stand passed for a while is reached as time goes on.
       EXISTS (SELECT FROM usage.budget_tier t WHERE t.reached_at IS NULL) AS pending
FROM (
    SELECT md5(concat_ws(
               '#', :'config_version',
               (SELECT string_agg(concat_ws('|', p.source, p.app_id, p.name, p.tenant_id, p.mode, p.environment), ','
                                  ORDER BY p.source, p.app_id) FROM usage.project p),
               (SELECT string_agg(concat_ws('|', t.source, t.tenant_id, t.name, t.timezone), ',' ORDER BY t.source, t.tenant_id)
                FROM usage.tenant t),
               (SELECT string_agg(concat_ws('|', k.source, k.api_key_id, k.name, k.masked), ',' ORDER BY k.source, k.api_key_id)
                FROM usage.api_key k),
               (SELECT string_agg(concat_ws('|', o.override_id, o.state, o.until), ',' ORDER BY o.override_id)
                FROM usage.budget_override o WHERE o.state IN ('approved', 'ended')))) AS inputs,
           coalesce((SELECT sum(r.version) FROM usage.rolled_day r), 0)::bigint AS rolled
) AS now_so
LEFT JOIN usage.evaluation e ON true
