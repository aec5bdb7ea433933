-- Where Dify is not, or may not be, as our rows say: what was opened by hand while its ground stands, what failed, what
-- should be undone by now, what could not be looked at. Reads usage.enforcement_action, usage.enforcement_event.
-- Writes nothing.
SELECT concat_ws(' ', a.action_id, a.action, a.target_name, a.budget_id, problem.text, nullif(a.answer, ''))
FROM usage.enforcement_action a
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN a.release_at IS NOT NULL AND a.released_at IS NULL AND a.held IS NOT NULL
             AND a.release_at < :'now'::timestamptz - interval '10 minutes' THEN 'should be undone and is not'
        WHEN a.release_at IS NULL AND (a.rolling OR a.period_end > :'now'::timestamptz) THEN CASE
            WHEN a.state = 'failed' THEN 'could not be done'
            WHEN a.state = 'verified' AND a.looked_at < :'now'::timestamptz - 3 * :'look_every'::interval
                THEN 'could not be looked at'
            WHEN EXISTS (SELECT FROM usage.enforcement_event e
                         WHERE e.action_id = a.action_id AND e.kind = 'opened by hand') THEN 'was undone by hand' END
        END AS text
) AS problem
WHERE problem.text IS NOT NULL AND a.requested_at > :'now'::timestamptz - interval '400 days'
ORDER BY a.requested_at DESC, a.place
