-- Creates temporary raises of budgets with their approval, and the locks of budgets that are used up.
-- Reads nothing. Safe to run once; alembic keeps the record of that in usage.schema_version.

CREATE TABLE usage.budget_override (
    override_id   text PRIMARY KEY,               -- short, for people
    budget_id     text NOT NULL,
    scope_value   text NOT NULL,                  -- as in budget_status: '' for a budget without `per`
    scope_name    text NOT NULL,                  -- for people, as it was when it was asked for
    measure       text,                           -- the limit that is raised; null: every limit of the budget
    raise_by      numeric CHECK (raise_by > 0),   -- in the measure's unit, on top of the configured limit
    raise_percent numeric CHECK (raise_percent > 0),  -- per cent of the configured limit, on top of it
    reason        text NOT NULL,
    state         text NOT NULL DEFAULT 'pending'
                  CHECK (state IN ('pending', 'approved', 'rejected', 'withdrawn', 'expired', 'ended')),
    requested_by  text NOT NULL,
    requested_at  timestamptz NOT NULL,
    until         timestamptz NOT NULL,           -- the moment from which the configured limit holds again
    decided_by    text,
    decided_at    timestamptz,                    -- an approved raise is in force from here on
    closed_at     timestamptz,                    -- when it was seen to have ended or expired
    CHECK (num_nonnulls(raise_by, raise_percent) = 1),
    CHECK (raise_by IS NULL OR measure IS NOT NULL),
    CHECK (until > requested_at),
    CHECK (decided_by IS NULL OR state = 'withdrawn' OR decided_by <> requested_by)
);
CREATE INDEX budget_override_budget ON usage.budget_override (budget_id, scope_value) WHERE state IN ('approved', 'ended');

CREATE TABLE usage.budget_lock (
    budget_id     text NOT NULL,
    scope_value   text NOT NULL,
    locked_at     timestamptz NOT NULL,
    scope_name    text NOT NULL,
    scope         jsonb NOT NULL,
    period_start  timestamptz NOT NULL,
    period_end    timestamptz NOT NULL,           -- when it opens by itself
    tier          numeric NOT NULL,               -- per cent of the limit that locks
    "limit"       numeric NOT NULL,               -- what the deciding measure was allowed when it locked
    unlocked_at   timestamptz,
    unlocked_why  text,                           -- period ended, raise <id>, limit raised, window moved on, budget removed
    PRIMARY KEY (budget_id, scope_value, locked_at)
);
CREATE UNIQUE INDEX budget_lock_held ON usage.budget_lock (budget_id, scope_value) WHERE unlocked_at IS NULL;
