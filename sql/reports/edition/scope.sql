-- What one report may read: views of this session over the warehouse, of all tenants (:source and :tenant_id null) or of
-- one. Every other statement of a report reads these views and nothing else, so that a tenant's report cannot hold
-- another's rows. Reads nothing by itself. Writes views that live no longer than the transaction is kept.
-- Kinds of alerts in :not_reported are left out. Safe to run twice: views are replaced.
CREATE OR REPLACE TEMP VIEW report_tenant AS
SELECT t.source, t.tenant_id, t.name, t.timezone
FROM usage.tenant t
WHERE :'tenant_id'::text IS NULL OR (t.source = :'source'::text AND t.tenant_id = :'tenant_id'::text);

CREATE OR REPLACE TEMP VIEW report_usage AS
SELECT d.usage_date, d.source, d.tenant_id, coalesce(t.name, d.tenant_id) AS tenant, coalesce(t.timezone, 'UTC') AS zone,
       d.environment, d.app_id, coalesce(p.name, d.app_id) AS project, p.mode AS app_mode, p.tags,
       d.api_key_id, coalesce(k.masked, d.api_key_id, '(' || d.key_attribution || ')') AS api_key, d.key_attribution,
       d.caller_kind, d.caller_id, d.caller_kind || coalesce(': ' || d.caller_id, '') AS caller,
       d.provider, d.model, coalesce(d.model, '(unknown)') AS model_name, d.currency,
       d.calls, d.failed_calls, d.input_tokens, d.output_tokens, d.total_tokens, d.estimated_tokens, d.unpriced_tokens,
       d.cost, d.base_cost
FROM usage.daily_usage d
LEFT JOIN usage.tenant t USING (source, tenant_id)
LEFT JOIN usage.project p USING (source, app_id)
LEFT JOIN usage.api_key k USING (source, api_key_id)
WHERE :'tenant_id'::text IS NULL OR (d.source = :'source'::text AND d.tenant_id = :'tenant_id'::text);

CREATE OR REPLACE TEMP VIEW report_node_usage AS
SELECT d.*, coalesce(t.name, d.tenant_id) AS tenant, coalesce(p.name, d.app_id) AS project
FROM usage.daily_node_usage d
LEFT JOIN usage.tenant t USING (source, tenant_id)
LEFT JOIN usage.project p USING (source, app_id)
WHERE :'tenant_id'::text IS NULL OR (d.source = :'source'::text AND d.tenant_id = :'tenant_id'::text);

CREATE OR REPLACE TEMP VIEW report_event AS
SELECT e.usage_date, e.provider, e.model, e.currency, e.price_source, e.input_tokens, e.output_tokens, e.total_tokens,
       e.cost, e.base_cost
FROM usage.usage_event e
WHERE e.basis = 'logged'
  AND (:'tenant_id'::text IS NULL OR (e.source = :'source'::text AND e.tenant_id = :'tenant_id'::text));

-- A budget belongs to a tenant when its scope's value does: one without `per`, or per model, is the company's.
CREATE OR REPLACE TEMP VIEW report_budget AS
SELECT b.*
FROM usage.budget_status b
WHERE :'tenant_id'::text IS NULL
   OR (b.scope ->> 'source' = :'source'::text AND b.scope ->> 'tenant_id' = :'tenant_id'::text);

CREATE OR REPLACE TEMP VIEW report_alert AS
SELECT a.alert_id, a.kind, a.budget_id, a.scope_value, a.period_start, a.tier, a.level, a.created_at,
       coalesce(a.facts ->> 'scope_name', a.budget_id) AS scope_name, a.facts ->> 'tenant_name' AS tenant,
       (a.facts ->> 'spent')::text AS spent, (a.facts ->> 'limit')::text AS "limit", a.facts ->> 'measure' AS measure,
       a.facts
FROM usage.alert a
WHERE a.kind <> ALL (:'not_reported'::text[]) AND (:'tenant_id'::text IS NULL OR EXISTS (
    SELECT FROM usage.budget_status b
    WHERE a.kind = 'budget' AND b.budget_id = a.budget_id AND b.scope_value = a.scope_value
      AND b.period_start = a.period_start
      AND b.scope ->> 'source' = :'source'::text AND b.scope ->> 'tenant_id' = :'tenant_id'::text));

-- An override or a lock is a tenant's when the value that it is of is.
CREATE OR REPLACE TEMP VIEW report_override AS
SELECT o.*
FROM usage.budget_override o
WHERE :'tenant_id'::text IS NULL OR EXISTS (
    SELECT FROM report_budget b WHERE b.budget_id = o.budget_id AND b.scope_value = o.scope_value);

CREATE OR REPLACE TEMP VIEW report_lock AS
SELECT l.*
FROM usage.budget_lock l
WHERE :'tenant_id'::text IS NULL
   OR (l.scope ->> 'source' = :'source'::text AND l.scope ->> 'tenant_id' = :'tenant_id'::text);

-- Per source: a tenant's report learns whether its source was read and compared, never another tenant's figures.
CREATE OR REPLACE TEMP VIEW report_source AS
SELECT s.source, s.read_up_to, s.final_up_to
FROM usage.source_state s
WHERE :'tenant_id'::text IS NULL OR s.source = :'source'::text;

CREATE OR REPLACE TEMP VIEW report_reconciliation AS
SELECT r.source, r.usage_date, r.state, r.compared_until, r.checked_at,
       CASE WHEN :'tenant_id'::text IS NULL THEN r.unexplained_tokens END AS unexplained_tokens,
       CASE WHEN :'tenant_id'::text IS NULL THEN r.says END AS says
FROM usage.reconciliation r
WHERE :'tenant_id'::text IS NULL OR r.source = :'source'::text
