-- Who used most of a budget's value in its period so far. Reads what budgets count by
-- (sql/budgets/rows_of_days.sql or rows_of_events.sql) on the period's :days, and the tables that name values.
-- Writes nothing.
WITH used AS MATERIALIZED (
    SELECT d.total_tokens, coalesce(d.base_cost, 0) AS base_cost, d.input_tokens, d.output_tokens, d.calls,
           d.caller_kind || coalesce(': ' || d.caller_id, '') AS caller, coalesce(p.name, d.app_id) AS project,
           d.model, d.node_title, jsonb_build_array(d.tenant_id, coalesce(t.name, d.tenant_id)) AS tenant
    :in_scope
      AND (d.starts_at = '-infinity' OR d.starts_at >= :'period_start'::timestamptz AND d.starts_at < :'period_end'::timestamptz)
)
SELECT (:largest) AS top
