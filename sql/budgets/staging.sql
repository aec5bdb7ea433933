-- The tables that an evaluation fills. Temporary: emptied at each commit, safe to run twice in a session.
CREATE TEMP TABLE IF NOT EXISTS stage_spent (
    budget_id text, scope_value text, scope_name text, scope jsonb, period text, zone text, period_start timestamptz,
    period_end timestamptz, tokens numeric, input_tokens numeric, output_tokens numeric, cost numeric, calls numeric,
    PRIMARY KEY (budget_id, scope_value, period_start)
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_status (
    budget_id text, scope_value text, scope_name text, scope jsonb, period text, zone text, period_start timestamptz,
    period_end timestamptz, measure text, measures jsonb, spent numeric, "limit" numeric, ratio numeric, level text,
    tier_at numeric, forecast numeric, tokens numeric, cost numeric
) ON COMMIT DELETE ROWS;
