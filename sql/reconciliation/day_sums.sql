-- Our sum of a day, the source's own sums, and each part by which the rules of counting explain their difference; what
-- is left over is unexplained. Parts are signed: the source's sums and all parts add up to ours.
-- Reads own_sum, own_run, own_unit, stage_event, our_event, our_run, usage.project, usage.tenant.
-- Writes nothing.
WITH own AS (
    SELECT s.* FROM own_sum s
    LEFT JOIN usage.project p ON p.source = :'source' AND p.app_id = s.app_id
    LEFT JOIN usage.tenant t ON t.source = :'source' AND t.tenant_id = coalesce(s.tenant_id, p.tenant_id)
    WHERE (s.slot AT TIME ZONE coalesce(t.timezone, :'zone'))::date = :'day'::date
), sums AS (
    SELECT coalesce(sum(rows) FILTER (WHERE kind = 'message'), 0) AS message_rows,
           coalesce(sum(tokens) FILTER (WHERE kind = 'message'), 0) AS message_tokens,
           coalesce(sum(rows) FILTER (WHERE kind = 'run'), 0) AS run_rows,
           coalesce(sum(tokens) FILTER (WHERE kind = 'run'), 0) AS run_tokens,
           -coalesce(sum(rolled_up_tokens), 0) AS rolled_up_tokens,
           coalesce(sum(thought_tokens), 0) AS thought_tokens
    FROM own
), event AS (
    SELECT e.event_id, e.run_id, e.total_tokens, e.base_cost, e.gone_at_source, e.caller_kind,
           split_part(e.event_id, ':', 1) AS kind, l.run_id IS NOT NULL AS in_ledger, r.id IS NOT NULL AS of_the_day,
           coalesce(l.created_at, e.occurred_at) >= :'until'::timestamptz AS is_later
    FROM our_event e
    LEFT JOIN own_run r ON r.id = e.run_id
    LEFT JOIN our_run l ON l.run_id = e.run_id
    WHERE e.usage_date = :'day'::date AND e.basis = 'logged'
), mine AS (
    SELECT count(*) AS our_events, coalesce(sum(total_tokens), 0) AS our_tokens,
           coalesce(sum(base_cost), 0) AS our_base_cost,
           coalesce(sum(total_tokens) FILTER (WHERE in_ledger AND NOT of_the_day AND gone_at_source IS NULL
                                              AND NOT is_later), 0) AS from_other_days,
           coalesce(sum(total_tokens) FILTER (WHERE kind NOT IN ('message', 'node', 'residual', 'tool_call')
                                              AND NOT is_later), 0) AS other_tokens,
           coalesce(sum(total_tokens) FILTER (WHERE gone_at_source IS NOT NULL AND NOT of_the_day AND NOT is_later), 0)
               AS gone_tokens,
           count(*) FILTER (WHERE gone_at_source IS NOT NULL) AS gone_events,
           coalesce(sum(total_tokens) FILTER (WHERE is_later AND NOT of_the_day), 0) AS late_tokens,
           coalesce(sum(total_tokens) FILTER (WHERE caller_kind = 'debug'), 0) AS debug_tokens
    FROM event
), to_other_days AS (
    SELECT coalesce(sum(e.total_tokens), 0) AS tokens
    FROM own_run r JOIN our_event e ON e.run_id = r.id
    WHERE e.usage_date <> :'day'::date AND e.basis = 'logged'
), gone_leaf AS (
    SELECT e.run_id, sum(e.total_tokens) AS tokens
    FROM own_run r JOIN our_event e ON e.run_id = r.id
    WHERE e.event_id LIKE 'node:%' AND e.gone_at_source IS NOT NULL
      AND NOT EXISTS (SELECT FROM stage_event s WHERE s.event_id = e.event_id)
    GROUP BY e.run_id
), run AS (
    SELECT coalesce(-sum(r.nested_tokens), 0) AS nested_tokens,
           coalesce(sum(r.container_tokens), 0) AS container_tokens,
           -- A finished run with a total above its parts has a residual; any other, and one whose total holds its
           -- containers twice, stands by its parts alone.
           coalesce(sum(parts.tokens + r.residual_tokens - r.total_tokens), 0) AS beside_total_tokens
    FROM own_run r
    LEFT JOIN gone_leaf g ON g.run_id = r.id
    CROSS JOIN LATERAL (SELECT r.leaf_tokens + coalesce(g.tokens, 0) + r.nested_tokens AS tokens) AS parts
), unit AS (
    SELECT coalesce(sum(u.total_tokens) FILTER (WHERE u.event_id LIKE 'node:%'), 0) AS single_step_tokens,
           coalesce(sum(u.total_tokens) FILTER (WHERE u.event_id LIKE 'tool_call:%'), 0) AS tool_call_tokens
    FROM (SELECT DISTINCT ON (event_id) * FROM own_unit ORDER BY event_id) AS u
    LEFT JOIN usage.tenant t ON t.source = :'source' AND t.tenant_id = u.tenant_id
    WHERE u.occurred_at < :'until'::timestamptz
      AND (u.occurred_at AT TIME ZONE coalesce(t.timezone, :'zone'))::date = :'day'::date
), parts AS (
    SELECT mine.our_events, mine.our_tokens, mine.our_base_cost, sums.message_rows, sums.message_tokens,
           sums.run_rows, sums.run_tokens, sums.rolled_up_tokens, sums.thought_tokens, run.nested_tokens,
           run.beside_total_tokens, mine.from_other_days - to_other_days.tokens AS other_day_tokens,
           unit.single_step_tokens, unit.tool_call_tokens, mine.other_tokens, mine.gone_tokens, mine.late_tokens,
           mine.debug_tokens, run.container_tokens, mine.gone_events
    FROM mine, sums, run, unit, to_other_days
)
SELECT our_events::bigint, our_tokens::bigint, our_base_cost, message_rows::bigint, message_tokens::bigint,
       run_rows::bigint, run_tokens::bigint, rolled_up_tokens::bigint, thought_tokens::bigint, nested_tokens::bigint,
       beside_total_tokens::bigint, other_day_tokens::bigint, single_step_tokens::bigint, tool_call_tokens::bigint,
       other_tokens::bigint, gone_tokens::bigint, late_tokens::bigint,
       (our_tokens - (message_tokens + run_tokens + rolled_up_tokens + thought_tokens + nested_tokens
                      + beside_total_tokens + other_day_tokens + single_step_tokens + tool_call_tokens + other_tokens
                      + gone_tokens + late_tokens))::bigint AS unexplained_tokens,
       debug_tokens::bigint, container_tokens::bigint, gone_events::bigint
FROM parts
