-- The tables that an evaluation fills. Temporary: emptied at each commit, safe to run twice in a session.
-- :per_columns, :row_columns and :value_columns are those of the dimensions (budgets/dimension_sql.py).
CREATE TEMP TABLE IF NOT EXISTS stage_definition (
    n integer PRIMARY KEY, definition_id integer, hash text, by_event boolean, by_quarter boolean, estimated boolean,
    :per_columns
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_condition (
    dimension text, hash text, included text[], excluded text[], exact_included text[], exact_excluded text[],
    mask varbit
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_mask (dimension text PRIMARY KEY, base varbit, absent varbit) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_budget (
    budget_id text PRIMARY KEY, n integer, period text, zone text, terms text, rollover numeric, follows_tenant boolean,
    divided boolean
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_limit (
    budget_id text, measure text, allowed numeric, PRIMARY KEY (budget_id, measure)
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_tier (
    budget_id text, tier_on text, tier_at numeric, level text, for_seconds numeric, min_spend jsonb,
    PRIMARY KEY (budget_id, tier_on, tier_at)
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_cut (
    period text, zone text, first_day date, end_day date, starts timestamptz, ends timestamptz
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_span (budget_id text, LIKE stage_cut) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_stale (
    n integer, definition_id integer, usage_date date, version bigint, by_event boolean, PRIMARY KEY (n, usage_date)
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_changed_member (
    hash text, dimension text, source text, id text, fits boolean
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_row (
    usage_date date, starts_at timestamptz, :row_columns, calls bigint, input_tokens bigint,
    output_tokens bigint, total_tokens bigint, estimated_tokens bigint, base_cost numeric
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_bits (dimension text, source text, id text, bits varbit) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_marked (LIKE stage_row, bits varbit) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_taken (bits varbit, usage_date date, n integer) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_part (
    definition_id integer, scope_value text, usage_date date, starts_at timestamptz, :value_columns, calls bigint,
    input_tokens bigint, output_tokens bigint, total_tokens bigint, base_cost numeric
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_spent (
    budget_id text, scope_value text, scope_name text, scope jsonb, period text, zone text, period_start timestamptz,
    period_end timestamptz, tokens numeric, input_tokens numeric, output_tokens numeric, cost numeric, calls numeric,
    PRIMARY KEY (budget_id, scope_value, period_start)
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_allowance (
    budget_id text, scope_value text, period_start timestamptz, measure text, amount numeric, reason text
) ON COMMIT DELETE ROWS;
CREATE INDEX IF NOT EXISTS stage_allowance_value ON stage_allowance (budget_id, scope_value, period_start);

CREATE TEMP TABLE IF NOT EXISTS stage_status (
    budget_id text, scope_value text, scope_name text, scope jsonb, period text, zone text, period_start timestamptz,
    period_end timestamptz, measure text, measures jsonb, spent numeric, "limit" numeric, ratio numeric,
    forecast numeric, tokens numeric, input_tokens numeric, output_tokens numeric, cost numeric, calls numeric,
    allowance jsonb, straight_line numeric, forecast_low numeric, forecast_high numeric,
    PRIMARY KEY (budget_id, scope_value, period_start)
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_day (
    budget_id text, scope_value text, measure text, day date, usage_date date, weekday integer, amount numeric
) ON COMMIT DELETE ROWS;

-- What is usual of a value as it was on a past day; that of today is kept in usage.budget_rhythm.
CREATE TEMP TABLE IF NOT EXISTS stage_rhythm (LIKE usage.budget_rhythm INCLUDING INDEXES) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_passed (
    budget_id text, scope_value text, period_start timestamptz, state_start timestamptz, tier_on text, tier_at numeric,
    level text, for_seconds numeric, passed boolean, counts boolean,
    PRIMARY KEY (budget_id, scope_value, period_start, tier_on, tier_at)
) ON COMMIT DELETE ROWS;
