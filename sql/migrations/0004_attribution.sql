-- Adds what attribution needs: what the source itself said beside what it was booked as, the use of API keys as it was
-- seen, and which run called which.
-- Reads nothing. Safe to run once; alembic keeps the record of that in usage.schema_version.
ALTER TABLE usage.usage_event
    ADD COLUMN logged_app_id text,                -- the app that ran, where it is booked to its caller; null: app_id
    ADD COLUMN logged_api_key_id text;            -- the key that the source itself recorded

ALTER TABLE usage.api_key ADD COLUMN name text;   -- as the configuration names it

-- When a key was last used, as the source said it at each look: one row a key and value, from the first look that saw
-- the value to the last. A key that is gone was deleted between its last look and usage.api_key.gone_at.
CREATE TABLE usage.api_key_use (
    source        text NOT NULL,
    api_key_id    text NOT NULL,
    last_used_at  timestamptz,
    prompt        boolean NOT NULL,               -- the source writes it within the request, not in batches later
    seen_from     timestamptz NOT NULL,
    seen_until    timestamptz NOT NULL,
    PRIMARY KEY (source, api_key_id, seen_from)
);
CREATE INDEX api_key_use_until ON usage.api_key_use (source, api_key_id, seen_until);
CREATE INDEX api_key_use_moment ON usage.api_key_use (source, last_used_at);

ALTER TABLE usage.run_ledger
    ADD COLUMN creator_id text,                   -- the source's id of the end user or account that started it
    ADD COLUMN user_app_id text,                  -- the app that this end user belongs to
    ADD COLUMN calling_app_id text;               -- the project whose run called it as a tool, the topmost one

CREATE TABLE usage.workflow_tool (
    source       text NOT NULL,
    provider_id  text NOT NULL,
    app_id       text NOT NULL,                   -- the app whose workflow is published as the tool
    PRIMARY KEY (source, provider_id)
);

CREATE TABLE usage.nested_call (
    source        text NOT NULL,
    call_id       text NOT NULL,                  -- the tool node's execution
    run_id        text NOT NULL,                  -- the calling run
    child_app_id  text NOT NULL,
    started_at    timestamptz NOT NULL,
    ended_at      timestamptz NOT NULL,
    -- Not led by source: a planner without statistics would read a whole source along it, beside the span.
    PRIMARY KEY (call_id, source)
);
CREATE INDEX nested_call_run ON usage.nested_call (run_id, source);
CREATE INDEX nested_call_span ON usage.nested_call USING gist (tstzrange(started_at, ended_at, '[]'));

-- Each run and the runs that may have called it: it began while their tool node ran, for the same user.
CREATE VIEW usage.nested_link AS
SELECT l.source, l.run_id, p.run_id AS calling_run_id, p.app_id AS calling_app_id
FROM usage.run_ledger l
JOIN usage.nested_call c ON c.source = l.source AND c.child_app_id = l.app_id
                        AND tstzrange(c.started_at, c.ended_at, '[]') @> l.created_at
JOIN usage.run_ledger p ON p.source = c.source AND p.run_id = c.run_id AND p.run_id <> l.run_id
WHERE l.creator_id = p.creator_id OR l.user_app_id = p.app_id;
