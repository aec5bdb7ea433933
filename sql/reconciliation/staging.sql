-- What a source's own sums and rows say of one day, beside the staging tables of sql/ingest/staging.sql.
-- Temporary: two reconciliations cannot meet in them. Safe to run twice in a session.
CREATE TEMP TABLE IF NOT EXISTS own_sum (
    kind text, tenant_id text, app_id text, slot timestamptz, rows bigint, tokens bigint, rolled_up_tokens bigint,
    thought_tokens bigint, units bigint, digest numeric
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS own_run (
    id text, status text, finished boolean, total_tokens bigint, leaf_tokens bigint, nested_tokens bigint,
    container_tokens bigint, created_at timestamptz, residual_tokens bigint
) ON COMMIT DELETE ROWS;

-- Our side of the day: its events, those of its runs and of its rows, and the runs behind them.
CREATE TEMP TABLE IF NOT EXISTS our_event (LIKE usage.usage_event, is_sealed boolean) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS our_run (LIKE usage.run_ledger) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS misfit (
    event_id text, what text, pending boolean, ours jsonb, theirs jsonb
) ON COMMIT DELETE ROWS;

-- Nodes that were run by themselves and tools' own model calls: read once for all days of a reconciliation.
CREATE TEMP TABLE IF NOT EXISTS own_unit (
    event_id text, tenant_id text, input_tokens bigint, output_tokens bigint, total_tokens bigint, logged_cost numeric,
    occurred_at timestamptz
);
