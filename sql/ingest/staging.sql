-- The tables that a source fills for one window: what its rows say, as far as counting needs it.
-- Temporary, so never written to the log and never shared: two sources or two tries cannot meet in them, and a killed
-- pass leaves nothing behind. Emptied at each commit that saw any of them, which takes 5 to 10 ms for all: as few
-- transactions as there can be do. Safe to run twice in a session.
-- A window is sorted and joined in memory.
SET work_mem = '64MB';

CREATE TEMP TABLE IF NOT EXISTS stage_tenant (tenant_id text, name text) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_project (
    app_id text, tenant_id text, name text, mode text, tags text[]
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_api_key (
    api_key_id text, app_id text, tenant_id text, masked text, created_at timestamptz, last_used_at timestamptz,
    prompt boolean -- last_used_at is written within the request, not in batches later; null: not known
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_workflow_tool (provider_id text, app_id text) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_message (
    id text, app_id text, mode text, run_id text, provider text, model text, input_tokens bigint, output_tokens bigint,
    price numeric, currency text, status text, invoke_from text, from_source text, has_answer boolean,
    has_unit_price boolean, created_at timestamptz, user_type text, user_session text, user_app_id text,
    account_email text, thought_tokens bigint, thought_input_tokens bigint, thought_output_tokens bigint,
    thought_price numeric, thought_currency text, answer_octets bigint, prompt_octets bigint,
    input_price numeric, output_price numeric -- of a token
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_run (
    id text, tenant_id text, app_id text, workflow_id text, type text, triggered_from text, status text,
    total_tokens bigint, created_at timestamptz, finished_at timestamptz, created_from text, user_type text,
    user_session text, user_app_id text, account_email text, creator_id text
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_node (
    id text, run_id text, tenant_id text, app_id text, workflow_id text, triggered_from text, node_id text,
    node_type text, title text, status text, created_at timestamptz, account_email text, meta_tokens text,
    meta_price text, meta_currency text, tool_kind text, usage_input text, usage_output text, usage_tokens text,
    usage_price text, usage_currency text, provider text, model text, readable boolean, tool_provider_id text,
    finished_at timestamptz,
    iteration_round text, loop_round text, -- which round of which one it ran in; null outside of any
    own_attempts boolean, -- written by a Dify that gives each attempt at a node a row of its own
    prompt_octets bigint, answer_octets bigint -- of a call that was broken off and says no tokens
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_node_model (
    workflow_id text, node_id text, provider text, model text
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_tool_call (
    id text, tenant_id text, provider text, tool_type text, tool_name text, input_tokens bigint, output_tokens bigint,
    price numeric, currency text, created_at timestamptz, caller_id text
) ON COMMIT DELETE ROWS;

-- A call of a log that is not Dify's; figures as the log writes them, a key as its fingerprint and a mask.
CREATE TEMP TABLE IF NOT EXISTS stage_log (
    id text, created_at timestamptz, tenant text, app text, app_name text, key_id text, key_shown text, caller text,
    provider text, model text, input_tokens text, output_tokens text, cost text, currency text, status text
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_document (
    id text, tenant_id text, dataset_name text, provider text, model text, tokens bigint, occurred_at timestamptz,
    kind text -- document, or summary of a part of one
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_key_record (record_id text, api_key_id text) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS stage_event (
    event_id text, tenant_id text, app_id text, app_mode text, run_id text, node_id text, node_type text,
    node_title text, caller_kind text, caller_id text, provider text, model text, input_tokens bigint,
    output_tokens bigint, total_tokens bigint, logged_cost numeric, logged_currency text, basis text, status text,
    occurred_at timestamptz, environment text, usage_date date, api_key_id text, key_attribution text, cost numeric,
    currency text, base_cost numeric, price_source text, logged_app_id text, logged_api_key_id text
) ON COMMIT DELETE ROWS;

-- What counting makes of them on its way.
CREATE TEMP TABLE IF NOT EXISTS message_caller (
    id text, run_id text, app_id text, kind text, caller_id text
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS run_caller (id text, kind text, caller_id text) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS key_period (
    app_id text, since timestamptz, until timestamptz, keys bigint, sole text, UNIQUE (app_id, since)
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS staged_call (
    app_id text, called_at timestamptz, observed text
) ON COMMIT DELETE ROWS;

-- What the ledger says of the staged events, as far as booking them again needs it.
CREATE TEMP TABLE IF NOT EXISTS known_event (
    event_id text PRIMARY KEY, usage_date date, total_tokens bigint, logged_api_key_id text, caller_kind text,
    caller_id text, provider text, model text
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS asked_run (run_id text) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS run_calling (run_id text, app_id text, callers text) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS staged_figure (
    id text, run_id text, tenant_id text, app_id text, workflow_id text, triggered_from text, node_id text,
    node_type text, title text, status text, created_at timestamptz, account_email text, provider text, model text,
    kind text, input_tokens bigint, output_tokens bigint, total_tokens bigint, price numeric, currency text,
    finished_at timestamptz, iteration_round text, loop_round text, own_attempts boolean, prompt_octets bigint,
    answer_octets bigint
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS run_figure (
    id text, tenant_id text, app_id text, app_mode text, triggered_from text, status text, finished boolean,
    total_tokens bigint, leaf_tokens bigint, nested_tokens bigint, container_tokens bigint, kind text, caller_id text,
    created_at timestamptz, finished_at timestamptz, unsaid_leaves bigint, largest_container bigint,
    residual_tokens bigint, active_at timestamptz, creator_id text, user_app_id text, first_read boolean,
    leaves bigint, largest_leaf bigint, unexplained_tokens bigint, own_attempts boolean, quiet_since timestamptz
) ON COMMIT DELETE ROWS;

-- Rows that cannot be counted, why, and by which row of its own each is read again; `stays`: only a hint was taken away.
CREATE TEMP TABLE IF NOT EXISTS aside (
    kind text, row_id text, open_kind text, open_id text, occurred_at timestamptz, detail text,
    stays boolean NOT NULL DEFAULT false, app_id text
) ON COMMIT DELETE ROWS;

-- Events of the ledger that are booked once more, and events that must go from it.
CREATE TEMP TABLE IF NOT EXISTS restaged (event_id text) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS gone_event (event_id text) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS touched_day (usage_date date) ON COMMIT DELETE ROWS;

-- What was added to the ledger (sign 1) and what was taken from it (-1), where little is new.
CREATE TEMP TABLE IF NOT EXISTS event_change (
    sign integer, event_id text, usage_date date, tenant_id text, environment text, app_id text, api_key_id text,
    key_attribution text, caller_kind text, caller_id text, provider text, model text, currency text, node_id text,
    node_type text, node_title text, occurred_at timestamptz, basis text, status text, input_tokens bigint,
    output_tokens bigint, total_tokens bigint, cost numeric, base_cost numeric
) ON COMMIT DELETE ROWS;

CREATE TEMP TABLE IF NOT EXISTS new_events (number bigint) ON COMMIT DELETE ROWS;
