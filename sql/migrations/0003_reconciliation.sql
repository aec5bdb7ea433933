-- Creates what reconciliation and invoices need: the seal and the mark of a usage event, the table of reconciled days,
-- and the invoices of providers. Reads and seals the events that are there. Safe to run once; alembic keeps the record.

CREATE FUNCTION usage.seal_of(
    source text, event_id text, tenant_id text, app_id text, input_tokens bigint, output_tokens bigint,
    total_tokens bigint, logged_cost numeric, logged_currency text, cost numeric, currency text, base_cost numeric,
    price_source text, occurred_at timestamptz, usage_date date
) RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- What a pass wrote into an event, as one figure: an event that does not fit its seal was added or changed by
    -- another hand. It tells mistakes from facts, it does not keep out somebody who computes it.
    SELECT md5(ROW(source, event_id, tenant_id, app_id, input_tokens, output_tokens, total_tokens,
                   trim_scale(logged_cost), logged_currency, trim_scale(cost), currency, trim_scale(base_cost),
                   price_source, trim_scale(extract(epoch FROM occurred_at)), usage_date - date '2000-01-01')::text)::uuid
$$;

ALTER TABLE usage.usage_event
    ADD COLUMN seal uuid,                         -- usage.seal_of(...) by whoever counted or priced the event
    ADD COLUMN gone_at_source timestamptz;        -- when reconciliation saw that the source had deleted its row

CREATE FUNCTION usage.seal_of(e usage.usage_event) RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT usage.seal_of(e.source, e.event_id, e.tenant_id, e.app_id, e.input_tokens, e.output_tokens, e.total_tokens,
                         e.logged_cost, e.logged_currency, e.cost, e.currency, e.base_cost, e.price_source,
                         e.occurred_at, e.usage_date)
$$;

-- What stands here was written by passes of an earlier version.
UPDATE usage.usage_event e SET seal = usage.seal_of(e);

CREATE TABLE usage.reconciliation (
    source               text NOT NULL,
    usage_date           date NOT NULL,           -- in each tenant's zone
    state                text NOT NULL CHECK (state IN ('green', 'healed', 'red', 'not_compared')),
    says                 text NOT NULL,           -- one line for people
    compared_until       timestamptz,             -- rows created later are left to the next time
    our_events           bigint NOT NULL DEFAULT 0,
    our_tokens           bigint NOT NULL DEFAULT 0,   -- what usage_event says of the day; all that follows adds up to it
    our_base_cost        numeric NOT NULL DEFAULT 0,
    message_rows         bigint NOT NULL DEFAULT 0,
    message_tokens       bigint NOT NULL DEFAULT 0,   -- the source's own sum over its messages
    run_rows             bigint NOT NULL DEFAULT 0,
    run_tokens           bigint NOT NULL DEFAULT 0,   -- the source's own sum over its workflow runs
    rolled_up_tokens     bigint NOT NULL DEFAULT 0,   -- less: messages of chatflows repeat their runs
    thought_tokens       bigint NOT NULL DEFAULT 0,   -- and: thoughts of agents above what their message says
    nested_tokens        bigint NOT NULL DEFAULT 0,   -- less: runs repeat the workflows they called as tools
    beside_total_tokens  bigint NOT NULL DEFAULT 0,   -- and: leaves that their run's total does not hold
    other_day_tokens     bigint NOT NULL DEFAULT 0,   -- and: leaves booked on another day than their run's
    single_step_tokens   bigint NOT NULL DEFAULT 0,   -- and: nodes tried by themselves, in no sum of the source
    tool_call_tokens     bigint NOT NULL DEFAULT 0,   -- and: tools' own model calls, in no sum of the source
    other_tokens         bigint NOT NULL DEFAULT 0,   -- and: kinds of events that are not compared
    gone_tokens          bigint NOT NULL DEFAULT 0,   -- and: counted, deleted at the source since
    late_tokens          bigint NOT NULL DEFAULT 0,   -- and: newer than what was compared, or not final yet
    unexplained_tokens   bigint NOT NULL DEFAULT 0,   -- and: what no rule explains; anything but zero is red
    debug_tokens         bigint NOT NULL DEFAULT 0,   -- of our_tokens: debugging, which the source's own charts leave out
    container_tokens     bigint NOT NULL DEFAULT 0,   -- in no sum: what iterations and loops repeat of their leaves
    gone_events          bigint NOT NULL DEFAULT 0,
    misfits              bigint NOT NULL DEFAULT 0,   -- rows that did not fit, healed ones included
    misfit_rows          jsonb NOT NULL DEFAULT '[]', -- the first of them, by name
    healed_at            timestamptz,                 -- when reading again last put a row of the day right
    checked_at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, usage_date)
);
CREATE INDEX reconciliation_not_green ON usage.reconciliation (usage_date) WHERE state <> 'green';

CREATE TABLE usage.invoice (
    provider     text NOT NULL,
    model        text NOT NULL DEFAULT '',        -- empty: the provider's whole month
    month        date NOT NULL CHECK (month = date_trunc('month', month)),
    amount       numeric NOT NULL CHECK (amount >= 0),
    currency     text NOT NULL,
    imported_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, model, month)
);
