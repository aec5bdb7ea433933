-- Creates what is kept of usage that was far outside its own history.
-- Reads nothing. Safe to run once; alembic keeps the record of that in usage.schema_version.

CREATE TABLE usage.anomaly (
    rule_id       text NOT NULL,                  -- as under `anomalies:` of the configuration
    value         text NOT NULL,                  -- of the dimension under `per`; '' for the whole scope
    window_start  timestamptz NOT NULL,
    window_end    timestamptz NOT NULL,
    name          text NOT NULL,                  -- for people
    measure       text NOT NULL,
    amount        numeric NOT NULL,               -- in the window
    usual         numeric NOT NULL,               -- the median of its own windows before
    spread        numeric NOT NULL,               -- robust standard deviation around it
    score         numeric NOT NULL,               -- how many of them the amount lies above the usual
    known         integer NOT NULL,               -- windows that this is made of
    found_at      timestamptz NOT NULL,
    config_version bigint REFERENCES usage.config_version,
    PRIMARY KEY (rule_id, value, window_start)
);
CREATE INDEX anomaly_found ON usage.anomaly (found_at);

CREATE TABLE usage.anomaly_look (
    rule_id      text PRIMARY KEY,
    looked_until timestamptz NOT NULL             -- the end of the last window that was looked at
);
