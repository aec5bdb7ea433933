-- Which of the rows that were read again do not stand in usage_event as the source has them, one row each with both
-- sides' words; what fits leaves stage_event, so that reading again touches nothing else.
-- Reads stage_event, stage_run, usage.usage_event, usage.open_row. Writes misfit and stage_event.
-- :events and :runs are what was asked for; what was created from :settled on may not have been read yet.
INSERT INTO misfit
SELECT s.event_id,
    CASE WHEN e.event_id IS NULL THEN 'not counted'
         WHEN e.seal IS DISTINCT FROM usage.seal_of(e) THEN 'changed in the warehouse'
         WHEN same.facts AND e.gone_at_source IS NOT NULL THEN 'back at the source'
         ELSE 'changed at the source' END,
    s.occurred_at >= :'settled'::timestamptz
    OR (e.status IN ('running', 'paused') AND e.seal IS NOT DISTINCT FROM usage.seal_of(e))
    OR ((e.event_id IS NULL OR e.seal IS NOT DISTINCT FROM usage.seal_of(e)) AND EXISTS (
            SELECT FROM usage.open_row o
            WHERE o.source = :'source' AND o.row_id = coalesce(s.run_id, split_part(s.event_id, ':', 2)))),
    CASE WHEN e.event_id IS NOT NULL THEN
        jsonb_build_object('tokens', e.total_tokens, 'cost', e.cost, 'usage_date', e.usage_date) END,
    jsonb_build_object('tokens', s.total_tokens, 'cost', s.cost, 'usage_date', s.usage_date)
FROM stage_event s
LEFT JOIN usage.usage_event e ON e.source = :'source' AND e.event_id = s.event_id
CROSS JOIN LATERAL (
    SELECT (e.tenant_id, coalesce(e.logged_app_id, e.app_id), e.run_id, e.input_tokens, e.output_tokens, e.total_tokens, e.logged_cost,
            e.occurred_at, e.usage_date)
           IS NOT DISTINCT FROM
           (s.tenant_id, coalesce(s.logged_app_id, s.app_id), s.run_id, s.input_tokens, s.output_tokens, s.total_tokens, s.logged_cost,
            s.occurred_at, s.usage_date) AS facts
) AS same
WHERE e.event_id IS NULL OR NOT same.facts OR e.gone_at_source IS NOT NULL OR e.seal IS DISTINCT FROM usage.seal_of(e);

INSERT INTO misfit
SELECT e.event_id,
    CASE WHEN e.seal IS DISTINCT FROM usage.seal_of(e) THEN 'added or changed in the warehouse'
         WHEN e.event_id LIKE 'residual:%' AND EXISTS (SELECT FROM stage_run r WHERE r.id = e.run_id)
         THEN 'explained by leaves since'
         ELSE 'gone at the source' END,
    false,
    jsonb_build_object('tokens', e.total_tokens, 'cost', e.cost, 'usage_date', e.usage_date),
    NULL
FROM usage.usage_event e
WHERE e.source = :'source' AND (e.event_id = ANY(:'events'::text[]) OR e.run_id = ANY(:'runs'::text[]))
  AND NOT EXISTS (SELECT FROM stage_event s WHERE s.event_id = e.event_id)
  AND (e.gone_at_source IS NULL OR e.seal IS DISTINCT FROM usage.seal_of(e))
  -- Only what a source can be asked for by its id can be said to be gone there.
  AND (e.seal IS DISTINCT FROM usage.seal_of(e) OR split_part(e.event_id, ':', 1) IN ('message', 'node', 'residual', 'tool_call'));

DELETE FROM stage_event s WHERE NOT EXISTS (SELECT FROM misfit m WHERE m.event_id = s.event_id);

SELECT event_id, what, coalesce(pending, false) AS late, ours, theirs FROM misfit ORDER BY what, event_id;
