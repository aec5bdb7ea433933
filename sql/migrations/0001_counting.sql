-- Creates the counting half of schema `usage`: what was read from the sources, and the daily tables made of it.
-- Reads nothing. Safe to run once; alembic keeps the record of that in usage.schema_version.
-- Times are timestamptz, money is numeric, ids are text (sources other than Dify have ids that are not UUIDs).

CREATE FUNCTION usage.as_number(value text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- A number that a source keeps as text; anything else (empty, NaN, words) is null, never an error.
    SELECT CASE WHEN length(value) <= 60 AND value ~ '^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?\s*$'
                THEN value::numeric END
$$;

CREATE FUNCTION usage.as_tokens(value text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- A count of tokens that a source keeps as text; negative or absurd ones are null.
    SELECT CASE WHEN usage.as_number(value) BETWEEN 0 AND 1000000000000 THEN usage.as_number(value)::bigint END
$$;

CREATE TABLE usage.source_state (
    source             text PRIMARY KEY,
    kind               text NOT NULL,
    read_up_to         timestamptz,               -- every row created before it (less the look-back) has been read
    last_sweep_at      timestamptz,               -- when the long look-back was last read again
    last_pass_at       timestamptz,
    last_success_at    timestamptz,
    last_new_event_at  timestamptz,
    last_error         text
);

CREATE TABLE usage.tenant (
    source         text NOT NULL,
    tenant_id      text NOT NULL,
    name           text NOT NULL,
    timezone       text NOT NULL,                 -- IANA name; days, months and budgets of the tenant are cut in it
    first_seen_at  timestamptz NOT NULL DEFAULT now(),
    gone_at        timestamptz,                   -- when the source no longer listed it
    PRIMARY KEY (source, tenant_id)
);

CREATE TABLE usage.project (
    source         text NOT NULL,
    app_id         text NOT NULL,
    tenant_id      text NOT NULL,
    name           text NOT NULL,
    mode           text NOT NULL,
    tags           text[] NOT NULL DEFAULT '{}',
    environment    text NOT NULL,
    first_seen_at  timestamptz NOT NULL DEFAULT now(),
    gone_at        timestamptz,
    PRIMARY KEY (source, app_id)
);

CREATE TABLE usage.api_key (
    source         text NOT NULL,
    api_key_id     text NOT NULL,
    app_id         text NOT NULL,
    tenant_id      text,
    masked         text NOT NULL,                 -- at most the first and last four characters of the secret
    created_at     timestamptz NOT NULL,
    last_used_at   timestamptz,
    first_seen_at  timestamptz NOT NULL DEFAULT now(),
    gone_at        timestamptz,
    PRIMARY KEY (source, api_key_id)
);
CREATE INDEX api_key_app ON usage.api_key (source, app_id);

CREATE TABLE usage.usage_event (
    source           text NOT NULL,
    event_id         text NOT NULL,               -- message:<uuid>, node:<uuid>, residual:<run uuid>, document:<uuid>
    tenant_id        text NOT NULL,
    environment      text NOT NULL,
    app_id           text NOT NULL,
    app_mode         text,
    run_id           text,
    node_id          text,
    node_type        text,
    node_title       text,
    api_key_id       text,
    key_attribution  text NOT NULL CHECK (key_attribution IN ('exact', 'sole', 'observed', 'declared', 'shared', 'none')),
    caller_kind      text NOT NULL,               -- api, web_app, explore, console, debug, trigger, mcp, nested, tool, indexing, unknown
    caller_id        text,
    provider         text,
    model            text,
    input_tokens     bigint NOT NULL DEFAULT 0,
    output_tokens    bigint NOT NULL DEFAULT 0,
    total_tokens     bigint NOT NULL DEFAULT 0,
    logged_cost      numeric,                     -- as the source recorded it; kept so that a day can be priced again
    logged_currency  text,
    cost             numeric,                     -- null when unpriced
    currency         text,
    base_cost        numeric,                     -- cost in the configuration's currency; null when unpriced
    price_source     text NOT NULL CHECK (price_source IN ('dify', 'override', 'catalog', 'unpriced')),
    basis            text NOT NULL CHECK (basis IN ('logged', 'estimated')),
    status           text NOT NULL CHECK (status IN ('succeeded', 'failed', 'stopped', 'running', 'paused')),
    occurred_at      timestamptz NOT NULL,
    usage_date       date NOT NULL,               -- day of occurred_at in the tenant's zone
    ingested_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, event_id)
);
CREATE INDEX usage_event_day ON usage.usage_event (usage_date, source);
CREATE INDEX usage_event_run ON usage.usage_event (source, run_id) WHERE run_id IS NOT NULL;
CREATE INDEX usage_event_recent ON usage.usage_event (occurred_at);

CREATE TABLE usage.run_ledger (
    source            text NOT NULL,
    run_id            text NOT NULL,
    tenant_id         text NOT NULL,
    app_id            text NOT NULL,
    app_mode          text,
    triggered_from    text NOT NULL,
    status            text NOT NULL,              -- the source's own word
    total_tokens      bigint NOT NULL,            -- the source's own sum
    leaf_tokens       bigint NOT NULL DEFAULT 0,  -- what stands in usage_event for it, residual aside
    nested_tokens     bigint NOT NULL DEFAULT 0,  -- booked to the workflows it called as tools
    container_tokens  bigint NOT NULL DEFAULT 0,  -- repeated by iteration and loop rows
    caller_kind       text NOT NULL,
    caller_id         text,
    created_at        timestamptz NOT NULL,       -- the earliest one seen: a resumed run may change it
    finished_at       timestamptz,
    PRIMARY KEY (source, run_id)
);
CREATE INDEX run_ledger_created ON usage.run_ledger (source, created_at);

CREATE TABLE usage.open_row (
    source        text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('message', 'run')),
    row_id        text NOT NULL,
    occurred_at   timestamptz NOT NULL,
    reason        text NOT NULL,
    since         timestamptz NOT NULL DEFAULT now(),
    read_at       timestamptz NOT NULL DEFAULT now(),  -- when it was last read
    next_read_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, kind, row_id)
);

CREATE TABLE usage.source_problem (
    source         text NOT NULL,
    kind           text NOT NULL,                 -- unreadable_json, unknown_node_type, missing_column, run_missing, given_up
    row_id         text NOT NULL,
    detail         text NOT NULL,
    first_seen_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, kind, row_id)
);

CREATE TABLE usage.changed_day (
    source      text NOT NULL,
    usage_date  date NOT NULL,
    change      bigint NOT NULL DEFAULT 1,        -- grows with each change, so that a roll-up clears only what it saw
    changed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, usage_date)
);

CREATE TABLE usage.daily_usage (
    usage_date        date NOT NULL,
    source            text NOT NULL,
    tenant_id         text NOT NULL,
    environment       text NOT NULL,
    app_id            text NOT NULL,
    api_key_id        text,
    key_attribution   text NOT NULL,
    caller_kind       text NOT NULL,
    caller_id         text,
    provider          text,
    model             text,
    currency          text,
    calls             bigint NOT NULL,
    failed_calls      bigint NOT NULL,
    input_tokens      bigint NOT NULL,
    output_tokens     bigint NOT NULL,
    total_tokens      bigint NOT NULL,
    estimated_tokens  bigint NOT NULL,            -- beside the logged ones, never in them
    unpriced_tokens   bigint NOT NULL,            -- the part of total_tokens without a price
    cost              numeric NOT NULL,
    base_cost         numeric NOT NULL
);
CREATE INDEX daily_usage_day ON usage.daily_usage (usage_date, source);

CREATE TABLE usage.daily_project_usage (LIKE usage.daily_usage);
ALTER TABLE usage.daily_project_usage
    DROP COLUMN api_key_id, DROP COLUMN key_attribution, DROP COLUMN caller_kind, DROP COLUMN caller_id,
    DROP COLUMN provider, DROP COLUMN model;
CREATE INDEX daily_project_usage_day ON usage.daily_project_usage (usage_date, source);

CREATE TABLE usage.daily_key_usage (LIKE usage.daily_usage);
ALTER TABLE usage.daily_key_usage
    DROP COLUMN environment, DROP COLUMN caller_kind, DROP COLUMN caller_id, DROP COLUMN provider, DROP COLUMN model;
CREATE INDEX daily_key_usage_day ON usage.daily_key_usage (usage_date, source);

CREATE TABLE usage.daily_user_usage (LIKE usage.daily_usage);
ALTER TABLE usage.daily_user_usage
    DROP COLUMN environment, DROP COLUMN app_id, DROP COLUMN api_key_id, DROP COLUMN key_attribution,
    DROP COLUMN provider, DROP COLUMN model;
CREATE INDEX daily_user_usage_day ON usage.daily_user_usage (usage_date, source);

CREATE TABLE usage.daily_model_usage (LIKE usage.daily_usage);
ALTER TABLE usage.daily_model_usage
    DROP COLUMN environment, DROP COLUMN app_id, DROP COLUMN api_key_id, DROP COLUMN key_attribution,
    DROP COLUMN caller_kind, DROP COLUMN caller_id;
CREATE INDEX daily_model_usage_day ON usage.daily_model_usage (usage_date, source);

CREATE TABLE usage.daily_node_usage (LIKE usage.daily_usage);
ALTER TABLE usage.daily_node_usage
    DROP COLUMN environment, DROP COLUMN api_key_id, DROP COLUMN key_attribution, DROP COLUMN caller_kind,
    DROP COLUMN caller_id;
ALTER TABLE usage.daily_node_usage
    ADD COLUMN node_id text, ADD COLUMN node_type text, ADD COLUMN node_title text;
CREATE INDEX daily_node_usage_day ON usage.daily_node_usage (usage_date, source);
