-- Leases the deliveries of one message to one worker and puts their attempts on record before anything is sent. The
-- attempt of a lease that ran out, whose outcome nobody knows, is marked so.
-- Reads usage.alert, usage.resolution, usage.acknowledgement, usage.tenant, usage.budget_status, usage.enforcement_action; writes usage.delivery and
-- usage.alert_delivery. Runs once a claim, in its transaction.
-- Whether an attempt before was refused as a card says how its answer on record begins.
-- What has become of an alert of a budget stands with its facts: `ended` where the message says that it is over, and the
-- apps of which an action was only rehearsed.
WITH lost AS (
    UPDATE usage.alert_delivery t
    SET outcome = 'unknown', finished_at = :'now'::timestamptz,
        answer = 'the worker ended before it could record an answer'
    FROM usage.delivery d
    WHERE d.delivery_id = ANY (:'members'::text[]) AND d.state = 'sending'
      AND t.delivery_id = d.delivery_id AND t.attempt = d.attempts AND t.outcome = 'sending'
), leased AS (
    UPDATE usage.delivery d
    SET state = 'sending', attempts = d.attempts + 1, leased_until = :'until'::timestamptz, leased_by = :'by',
        message_id = :'message_id'
    WHERE d.delivery_id = ANY (:'members'::text[])
    RETURNING d.delivery_id, d.attempts, d.alert_id, d.recipient, d.channel, d.event
), begun AS (
    INSERT INTO usage.alert_delivery (delivery_id, attempt, alert_id, recipient, channel, started_at, outcome, run_id,
                                      message_id)
    SELECT delivery_id, attempts, alert_id, recipient, channel, :'now'::timestamptz, 'sending', :'by', :'message_id'
    FROM leased
    ON CONFLICT (delivery_id, attempt) DO NOTHING
)
SELECT l.delivery_id, l.attempts AS attempt, l.alert_id, l.recipient, l.channel, a.kind, a.level,
       CASE jsonb_typeof(a.facts) WHEN 'object' THEN a.facts ELSE '{}' END
       || CASE WHEN since.ended IS NULL THEN '{}' ELSE jsonb_build_object('ended', since.ended) END
       || CASE WHEN l.event = 'acknowledge' AND taken.by_whom IS NOT NULL
               THEN jsonb_build_object('acknowledged', jsonb_build_object('by', taken.by_whom, 'at', taken.at, 'note', taken.note))
               ELSE '{}' END
       || CASE WHEN unreached.failed > 0
               THEN jsonb_build_object('failed', unreached.failed::text, 'answer', unreached.answer) ELSE '{}' END
       || CASE WHEN since.rehearsed IS NULL THEN '{}' ELSE jsonb_build_object('dry_run_apps', since.rehearsed) END AS facts,
       l.event,
       EXISTS (SELECT FROM usage.alert_delivery t
               WHERE t.delivery_id = l.delivery_id AND t.outcome = 'retry' AND starts_with(t.answer, :'card_refused'))
       AS card_refused
FROM leased l
JOIN usage.alert a USING (alert_id)
LEFT JOIN LATERAL (
    SELECT jsonb_agg(step.told ORDER BY e.place) FILTER (WHERE e.state = 'released') AS undone,
           jsonb_agg(step.told ORDER BY e.place) FILTER (WHERE e.state IN ('applied', 'verified')) AS still,
           jsonb_agg(step.told ORDER BY e.place) FILTER (WHERE e.state = 'dry_run') AS rehearsed
    FROM usage.enforcement_action e
    LEFT JOIN usage.tenant t ON t.source = e.source AND t.tenant_id = e.tenant_id
    CROSS JOIN LATERAL (
        -- Whose app it is, for what a recipient may see.
        SELECT jsonb_build_object('action', e.action, 'project', e.target_name, 'at', coalesce(e.released_at, e.applied_at),
                                  'tenants', jsonb_build_array(jsonb_build_array(e.tenant_id, coalesce(t.name, e.tenant_id))))
               AS told
    ) AS step
    WHERE e.budget_id = a.budget_id AND e.scope_value = a.scope_value
      AND (e.alert_id = a.alert_id OR l.event = 'resolve' AND e.period_start = a.period_start)
) AS done ON a.kind IN ('budget', 'loop')
LEFT JOIN LATERAL (
    SELECT jsonb_build_object(
               'why', r.why, 'at', r.at, 'since', a.created_at, 'undone', done.undone, 'still', done.still,
               'spent', s.measure ->> 'spent', 'limit', s.measure ->> 'limit', 'ratio', s.measure ->> 'ratio',
               'cost', s.cost) AS ended
    FROM usage.resolution r
    LEFT JOIN LATERAL (
        SELECT b.measures -> (a.facts ->> 'measure') AS measure, b.cost::text
        FROM usage.budget_status b
        WHERE b.budget_id = a.budget_id AND b.scope_value = a.scope_value AND b.period_start = a.period_start
    ) AS s ON true
    WHERE r.alert_id = a.alert_id
) AS over ON l.event = 'resolve' AND a.kind = 'budget'
LEFT JOIN LATERAL (
    -- The alert of a recipient that cannot be reached sums up what has failed by now.
    SELECT count(*) AS failed, (array_agg(t.answer ORDER BY t.finished_at DESC))[1] AS answer
    FROM usage.delivery f
    JOIN usage.alert b ON b.alert_id = f.alert_id AND b.kind <> ALL (:'not_alerted'::text[])
    JOIN usage.alert_delivery t ON t.delivery_id = f.delivery_id AND t.attempt = f.attempts
    -- The kind stands within, so that no other alert pays for a look at all deliveries.
    WHERE a.kind = 'delivery' AND f.recipient = a.budget_id AND f.channel = a.scope_value AND f.state = 'failed'
      AND f.finished_at >= a.period_start
) AS unreached ON true
LEFT JOIN usage.acknowledgement taken ON taken.alert_id = l.alert_id
CROSS JOIN LATERAL (SELECT over.ended, done.rehearsed) AS since
ORDER BY usage.severity(a.level), a.created_at, a.tier DESC, l.delivery_id
