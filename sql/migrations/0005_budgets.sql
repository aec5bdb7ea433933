-- Creates what budgets count by: sums a definition, value and day, kept so that a pass counts only days that changed;
-- the state of tiers, what happened to budgets, and past days judged again beside what was in force.
-- Reads usage.daily_usage. Safe to run once; alembic keeps the record of that in usage.schema_version.

CREATE FUNCTION usage.day_start(day date, zone text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- The first moment of a day in a zone: where clocks go back over midnight, the earlier of the two midnights.
    SELECT CASE WHEN ((m.moment - interval '1 hour') AT TIME ZONE zone)::date = day THEN m.moment - interval '1 hour'
                ELSE m.moment END
    FROM (SELECT day::timestamp AT TIME ZONE zone AS moment) AS m
$$;

CREATE FUNCTION usage.period_cut(period text, zone text, moment timestamptz)
RETURNS TABLE (first_day date, end_day date, starts timestamptz, ends timestamptz)
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
-- The period that a moment lies in, cut in a zone; no row outside a campaign. Periods: hour, day, week, month, quarter,
-- year, rolling:<n>h, rolling:<n>d, campaign:<first day>:<day after the last>. The last day and moment are not part of it.
-- For hours, the days are all those that the hours may be booked on in any zone.
DECLARE
    today date := (moment AT TIME ZONE zone)::date;
    kind text := split_part(period, ':', 1);
    hours integer := CASE WHEN period = 'hour' THEN 1
                          WHEN period LIKE 'rolling:%h' THEN rtrim(split_part(period, ':', 2), 'h')::integer END;
BEGIN
    IF hours IS NOT NULL THEN
        ends := date_trunc('hour', moment, zone) + interval '1 hour';
        starts := ends - make_interval(hours => hours);
        first_day := (starts AT TIME ZONE 'UTC')::date - 1;
        end_day := (ends AT TIME ZONE 'UTC')::date + 2;
        RETURN NEXT;
        RETURN;
    END IF;
    IF kind = 'rolling' THEN
        end_day := today + 1;
        first_day := end_day - rtrim(split_part(period, ':', 2), 'd')::integer;
    ELSIF kind = 'campaign' THEN
        first_day := split_part(period, ':', 2)::date;
        end_day := split_part(period, ':', 3)::date;
        IF today < first_day OR today >= end_day THEN
            RETURN;
        END IF;
    ELSE
        first_day := date_trunc(kind, today::timestamp)::date;
        end_day := (first_day + CASE kind WHEN 'quarter' THEN interval '3 months' ELSE ('1 ' || kind)::interval END)::date;
    END IF;
    starts := usage.day_start(first_day, zone);
    ends := usage.day_start(end_day, zone);
    RETURN NEXT;
END
$$;

CREATE TABLE usage.rolled_day (
    usage_date  date PRIMARY KEY,
    version     bigint NOT NULL DEFAULT 1         -- grows each time that the day's daily tables are made
);
INSERT INTO usage.rolled_day (usage_date) SELECT DISTINCT usage_date FROM usage.daily_usage;

CREATE TABLE usage.budget_definition (
    definition_id  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash           text NOT NULL UNIQUE,          -- of what a budget takes in and by which values; not of its limit
    last_used_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE usage.budget_condition (
    hash       text NOT NULL,                     -- of names of tenants, projects or API keys, as a budget says them
    dimension  text NOT NULL,
    source     text NOT NULL,
    id         text NOT NULL,                     -- that fit it by the names they have now
    PRIMARY KEY (hash, dimension, source, id)
);

CREATE TABLE usage.budget_value (
    value_id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    definition_id  integer NOT NULL REFERENCES usage.budget_definition ON DELETE CASCADE,
    scope_value    text NOT NULL,                 -- as in budget_status
    source         text,
    tenant_id      text,
    environment    text,
    app_id         text,
    api_key_id     text,
    caller_kind    text,
    caller_id      text,
    provider       text,
    model          text,
    node_id        text,
    UNIQUE (definition_id, scope_value)
);

CREATE TABLE usage.budget_spent (
    value_id          integer NOT NULL REFERENCES usage.budget_value ON DELETE CASCADE,
    usage_date        date NOT NULL,
    starts_at         timestamptz NOT NULL,       -- -infinity: the whole day; else a quarter of an hour of it
    calls             bigint NOT NULL,
    input_tokens      bigint NOT NULL,
    output_tokens     bigint NOT NULL,
    total_tokens      bigint NOT NULL,            -- with estimated ones where the budget counts them
    base_cost         numeric NOT NULL,
    PRIMARY KEY (value_id, usage_date, starts_at)
) WITH (fillfactor = 80);
CREATE INDEX budget_spent_day ON usage.budget_spent (usage_date);

CREATE TABLE usage.budget_day (
    definition_id  integer NOT NULL REFERENCES usage.budget_definition ON DELETE CASCADE,
    usage_date     date NOT NULL,
    version        bigint NOT NULL,               -- of rolled_day, that budget_spent was made from
    PRIMARY KEY (definition_id, usage_date)
) WITH (fillfactor = 80);

CREATE TABLE usage.budget_tier (
    budget_id     text NOT NULL,
    scope_value   text NOT NULL,
    period_start  timestamptz NOT NULL,           -- -infinity for rolling windows, which never begin anew
    tier_on       text NOT NULL,                  -- spent or forecast
    tier_at       numeric NOT NULL,               -- per cent
    since         timestamptz NOT NULL,           -- when the threshold was first seen passed, without a break
    reached_at    timestamptz,                    -- when it counted: after `for`
    resolved_at   timestamptz,                    -- when it was seen below again
    round         smallint NOT NULL DEFAULT 0,    -- grows when it is reached again after the limit was raised
    alert_start   timestamptz NOT NULL,           -- period_start of its alert: of the window that first passed it
    limits        jsonb NOT NULL DEFAULT '{}',    -- the limits by which it was reached
    PRIMARY KEY (budget_id, scope_value, period_start, tier_on, tier_at)
);

CREATE TABLE usage.budget_event (
    event_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at              timestamptz NOT NULL,
    budget_id       text NOT NULL,
    scope_value     text NOT NULL,
    kind            text NOT NULL,                -- reached, resolved, reopened; raise requested, ...; locked, unlocked
    by              text NOT NULL DEFAULT 'usage_pipeline',  -- a person where one acted
    about           text NOT NULL DEFAULT '',     -- the raise
    detail          text NOT NULL DEFAULT '',
    period_start    timestamptz,                  -- of tiers, as all that follows
    tier_on         text,
    tier_at         numeric,
    level           text,
    measure         text,
    spent           numeric,
    "limit"         numeric,
    config_version  bigint REFERENCES usage.config_version
);
CREATE INDEX budget_event_budget ON usage.budget_event (budget_id, scope_value, at);

ALTER TABLE usage.budget_status
    ADD COLUMN terms text NOT NULL DEFAULT '',        -- hash of the budget's own settings that judged it
    ADD COLUMN judged_by text NOT NULL DEFAULT 'pass' CHECK (judged_by IN ('pass', 'backfill')),
    ADD COLUMN allowance jsonb NOT NULL DEFAULT '[]', -- what was added to the limit: [{"measure", "amount", "reason"}]
    ADD COLUMN resolved_at timestamptz;               -- when it last fell below a tier that it had reached
ALTER TABLE usage.budget_status SET (fillfactor = 70);

CREATE TABLE usage.budget_status_what_if (
    budget_id        text NOT NULL,
    scope_value      text NOT NULL,
    period_start     timestamptz NOT NULL,
    usage_date       date NOT NULL,               -- judged as of the end of this day
    config_version   bigint NOT NULL REFERENCES usage.config_version,  -- of the file that judged it
    period_end       timestamptz NOT NULL,
    zone             text NOT NULL,
    period           text NOT NULL,
    scope_name       text NOT NULL,
    measure          text NOT NULL,
    spent            numeric NOT NULL,
    "limit"          numeric NOT NULL,
    ratio            numeric NOT NULL,
    level            text NOT NULL,
    tier_at          numeric,
    in_force_limit   numeric,                     -- of the same period as it was judged then; null: nothing was in force
    in_force_ratio   numeric,
    in_force_level   text,
    in_force_version bigint,
    judged_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (budget_id, scope_value, period_start, usage_date, config_version)
);
CREATE INDEX budget_status_what_if_day ON usage.budget_status_what_if (usage_date);

ALTER TABLE usage.alert
    ADD COLUMN tier_on text NOT NULL DEFAULT 'spent',
    ADD COLUMN round smallint NOT NULL DEFAULT 0,     -- as in budget_tier
    ADD COLUMN resolved_at timestamptz,               -- when what it says was no longer so
    DROP CONSTRAINT alert_kind_budget_id_scope_value_period_start_tier_key,
    ADD CONSTRAINT alert_once UNIQUE (kind, budget_id, scope_value, period_start, tier, tier_on, round);

-- Tiers that were reached before this table was there.
INSERT INTO usage.budget_tier (
    budget_id, scope_value, period_start, tier_on, tier_at, since, reached_at, alert_start, limits
)
SELECT a.budget_id, a.scope_value, a.period_start, 'spent', a.tier, a.created_at, a.created_at, a.period_start,
       jsonb_build_object(a.facts ->> 'measure', a.facts ->> 'limit')
FROM usage.alert a
WHERE a.kind = 'budget';

ALTER TABLE usage.config_version
    ADD COLUMN changed_by text,                   -- who changed the file, as far as it can be told
    ADD COLUMN diff text;                         -- what changed, in words, against the version before it
