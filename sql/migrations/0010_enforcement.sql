-- Creates what enforcement plans, does and undoes at Dify, and its story.
-- Reads usage.alert and usage.budget_lock. Safe to run once; alembic keeps the record of that in usage.schema_version.

CREATE TABLE usage.enforcement_plan (
    cause_key       text PRIMARY KEY,             -- alert:<alert id>, or lock:<budget>|<scope value>|<locked at>
    planned_at      timestamptz NOT NULL,
    outcome         text NOT NULL,                -- how many actions, or why none
    config_version  bigint REFERENCES usage.config_version
);
-- What was reached before anything could be carried out stays without consequence.
INSERT INTO usage.enforcement_plan (cause_key, planned_at, outcome)
SELECT 'alert:' || alert_id, now(), 'reached before enforcement was there' FROM usage.alert WHERE kind = 'budget';
INSERT INTO usage.enforcement_plan (cause_key, planned_at, outcome)
SELECT 'lock:' || budget_id || '|' || scope_value || '|' || extract(epoch FROM locked_at), now(),
       'locked before enforcement was there'
FROM usage.budget_lock WHERE unlocked_at IS NULL;

CREATE TABLE usage.enforcement_action (
    action_id       text PRIMARY KEY,             -- short, for people; made from the key below
    cause           text NOT NULL CHECK (cause IN ('tier', 'lock')),
    cause_key       text NOT NULL REFERENCES usage.enforcement_plan,
    alert_id        text,                         -- the alert that it belongs to; it may have left by retention
    budget_id       text NOT NULL,
    scope_value     text NOT NULL,
    scope_name      text NOT NULL,
    rolling         boolean NOT NULL,             -- its window never ends: released when it has moved on
    period_start    timestamptz NOT NULL,
    period_end      timestamptz NOT NULL,
    tier            numeric NOT NULL,
    tier_on         text NOT NULL,
    round           smallint NOT NULL,
    level           text NOT NULL,
    measure         text NOT NULL,                -- that decided, and what it was allowed then
    "limit"         numeric NOT NULL,
    action          text NOT NULL CHECK (action IN ('pause_app', 'throttle', 'switch_model', 'lock', 'webhook')),
    source          text NOT NULL,                -- '' for webhook, as tenant_id and app_id
    tenant_id       text NOT NULL,
    app_id          text NOT NULL,
    target_name     text NOT NULL,
    place           integer NOT NULL,             -- 1 for the project that spent most
    mode            text NOT NULL,                -- as it was when it was planned
    state           text NOT NULL CHECK (state IN (
                        'dry_run',                -- would have been done
                        'planned',                -- waits for an approval
                        'approved', 'applied', 'verified', 'released',
                        'failed', 'refused',      -- Dify did not take it; we may not do it
                        'rejected', 'expired', 'not_needed')),
    before          jsonb,                        -- what was found at Dify, written before anything was changed
    held            jsonb,                        -- what is there by us
    recipients      jsonb NOT NULL,               -- names of those who are told
    requested_at    timestamptz NOT NULL,
    requested_by    text NOT NULL,
    approve_until   timestamptz,
    decided_at      timestamptz,
    decided_by      text,
    began_at        timestamptz,                  -- when its first changing call was about to be made
    applied_at      timestamptz,
    verified_at     timestamptz,                  -- when it was read back as it should be
    looked_at       timestamptz,                  -- when it was last compared with Dify
    release_at      timestamptz,                  -- when it became due to be undone
    release_why     text,
    release_by      text,
    released_at     timestamptz,
    attempts        integer NOT NULL DEFAULT 0,   -- in a row that failed
    next_attempt_at timestamptz NOT NULL,
    answer          text,                         -- Dify's own, or what stood in the way
    config_version  bigint REFERENCES usage.config_version,
    UNIQUE (cause_key, action, source, app_id)
);
CREATE INDEX enforcement_action_open ON usage.enforcement_action (source, app_id)
    WHERE released_at IS NULL AND state NOT IN ('dry_run', 'rejected', 'expired', 'not_needed');
CREATE INDEX enforcement_action_began ON usage.enforcement_action (began_at) WHERE began_at IS NOT NULL;

CREATE TABLE usage.enforcement_event (
    event_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action_id  text NOT NULL REFERENCES usage.enforcement_action,
    at         timestamptz NOT NULL,
    kind       text NOT NULL,                     -- planned, approved, call, verified, opened by hand, released, ...
    by         text NOT NULL,                     -- a person, or usage_pipeline
    detail     text NOT NULL DEFAULT '',
    run_id     text                               -- the Dagster run, or the command
);
CREATE INDEX enforcement_event_action ON usage.enforcement_event (action_id, event_id);
CREATE TRIGGER enforcement_event_history BEFORE UPDATE OR DELETE ON usage.enforcement_event
    FOR EACH ROW EXECUTE FUNCTION usage.history_only();
CREATE TRIGGER enforcement_event_whole BEFORE TRUNCATE ON usage.enforcement_event
    FOR EACH STATEMENT EXECUTE FUNCTION usage.history_only();
