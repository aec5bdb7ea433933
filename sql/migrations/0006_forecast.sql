-- Creates what forecasts are made from: usage by the hour of the day, and what is usual for a budget's value on a weekday.
-- Reads usage.usage_event once. Safe to run once; alembic keeps the record of that in usage.schema_version.

CREATE TABLE usage.daily_hour_usage (
    usage_date    date NOT NULL,
    source        text NOT NULL,
    tenant_id     text NOT NULL,
    hour          smallint NOT NULL,              -- of the day, in the tenant's zone
    calls         bigint NOT NULL,
    total_tokens  bigint NOT NULL,
    base_cost     numeric NOT NULL,
    PRIMARY KEY (usage_date, source, tenant_id, hour)
);
INSERT INTO usage.daily_hour_usage
SELECT e.usage_date, e.source, e.tenant_id,
       extract(hour FROM e.occurred_at AT TIME ZONE coalesce(t.timezone, 'UTC'))::smallint,
       count(*) FILTER (WHERE e.event_id NOT LIKE 'residual:%'), sum(e.total_tokens), coalesce(sum(e.base_cost), 0)
FROM usage.usage_event e
LEFT JOIN usage.tenant t ON t.source = e.source AND t.tenant_id = e.tenant_id
WHERE e.basis = 'logged' AND e.usage_date > current_date - 60
GROUP BY 1, 2, 3, 4;

CREATE TABLE usage.budget_rhythm (
    budget_id    text NOT NULL,
    scope_value  text NOT NULL,
    measure      text NOT NULL,
    day          date NOT NULL,                   -- made of the eight weeks before it
    known_days   integer NOT NULL,
    usual        numeric[] NOT NULL,              -- a day's amount by weekday, Monday first
    trend        numeric NOT NULL,                -- the last two weeks against what is usual
    spread       numeric NOT NULL,                -- of a single day's amount around the usual, as a standard deviation
    PRIMARY KEY (budget_id, scope_value, measure)
) WITH (fillfactor = 80);

ALTER TABLE usage.budget_status
    ADD COLUMN straight_line numeric,             -- what was spent, drawn on to the period's end at its mean pace
    ADD COLUMN forecast_low numeric,              -- four of five outcomes lie between these two
    ADD COLUMN forecast_high numeric,
    ADD COLUMN previous_period numeric,           -- spent of the deciding measure in the period before
    ADD COLUMN trailing_average numeric,          -- of the seven periods before
    ADD COLUMN week_before numeric;               -- of the same period a week before: days and weeks only
