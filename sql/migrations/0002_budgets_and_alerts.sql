-- Creates the budget, alert and delivery half of schema `usage`.
-- Reads nothing. Safe to run once; alembic keeps the record of that in usage.schema_version.

CREATE TABLE usage.config_version (
    version_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash        text NOT NULL,                    -- sha256 of the file's bytes
    path        text NOT NULL,
    content     text,                             -- the file as it was (names of secrets, never secrets); null when refused
    valid       boolean NOT NULL,
    error       text,                             -- why it was refused
    loaded_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (hash, valid)
);

CREATE TABLE usage.budget_status (
    budget_id       text NOT NULL,
    scope_value     text NOT NULL,                -- '' for a budget without `per`, else e.g. 'project=<source>/<app_id>'
    period_start    timestamptz NOT NULL,
    period_end      timestamptz NOT NULL,
    zone            text NOT NULL,                -- IANA name: what the period is cut in
    period          text NOT NULL,                -- day, week, month, ...
    scope_name      text NOT NULL,                -- for people
    scope           jsonb NOT NULL,               -- the dimension values of this row: {"app_id": ...}
    measure         text NOT NULL,                -- the measure that decides: tokens, input_tokens, output_tokens, cost, calls
    measures        jsonb NOT NULL,               -- every measure limited: {"tokens": {"spent": "12", "limit": "100", "ratio": "0.12"}}
    spent           numeric NOT NULL,
    "limit"         numeric NOT NULL,
    ratio           numeric NOT NULL,
    level           text NOT NULL,                -- ok, or the level of the highest tier reached
    tier_at         numeric,                      -- per cent of the highest tier reached
    forecast        numeric,                      -- of the deciding measure at the period's end
    as_of           timestamptz NOT NULL,
    config_version  bigint NOT NULL REFERENCES usage.config_version,
    PRIMARY KEY (budget_id, scope_value, period_start)
);
CREATE INDEX budget_status_period ON usage.budget_status (period_end);

CREATE TABLE usage.alert (
    alert_id        text PRIMARY KEY,             -- short, for people; made from the key below
    kind            text NOT NULL,                -- budget, configuration, delivery, source, test
    budget_id       text NOT NULL,                -- for kinds other than budget: what it is about
    scope_value     text NOT NULL,
    period_start    timestamptz NOT NULL,
    period_end      timestamptz,
    tier            numeric NOT NULL,             -- per cent; 0 for kinds other than budget
    level           text NOT NULL CHECK (level IN ('info', 'warning', 'critical', 'emergency')),
    facts           jsonb NOT NULL,               -- all that a text needs, as it was when the tier was reached
    config_version  bigint REFERENCES usage.config_version,
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (kind, budget_id, scope_value, period_start, tier)
);

CREATE TABLE usage.delivery (
    delivery_id      text PRIMARY KEY,            -- made from alert and recipient: the same at each attempt
    alert_id         text NOT NULL REFERENCES usage.alert,
    recipient        text NOT NULL,               -- a name in the configuration
    channel          text NOT NULL,
    fallback_for     text REFERENCES usage.delivery,
    state            text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sending', 'delivered', 'failed')),
    attempts         integer NOT NULL DEFAULT 0,
    next_attempt_at  timestamptz NOT NULL DEFAULT now(),
    leased_until     timestamptz,
    leased_by        text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    finished_at      timestamptz,
    UNIQUE (alert_id, recipient)
);
CREATE INDEX delivery_due ON usage.delivery (next_attempt_at) WHERE state IN ('pending', 'sending');

CREATE TABLE usage.alert_delivery (
    delivery_id     text NOT NULL REFERENCES usage.delivery,
    attempt         integer NOT NULL,
    alert_id        text NOT NULL REFERENCES usage.alert,
    recipient       text NOT NULL,
    channel         text NOT NULL,
    started_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    outcome         text NOT NULL CHECK (outcome IN ('sending', 'accepted', 'retry', 'permanent', 'unknown')),
    http_status     integer,                      -- or the SMTP reply code
    answer          text,                         -- the channel's own answer, shortened, without secrets
    retry_after_s   numeric,
    run_id          text,                         -- the Dagster run, or the command, that made the attempt
    PRIMARY KEY (delivery_id, attempt)
);
CREATE INDEX alert_delivery_alert ON usage.alert_delivery (alert_id);
