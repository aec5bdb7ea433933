-- Row-level security for people who read the warehouse themselves (Grafana, psql): a reader sees one tenant's rows.
-- Creates usage.reader and a policy `reader` on each table that a reader may be granted. Reads nothing. Safe to run
-- once; alembic keeps the record. The tables' owner, as whom the pipeline works, is above policies: nothing changes
-- for it. A role that is neither the owner nor in usage.reader sees no row. A later table becomes readable by a policy
-- of the same name; one without it is never granted.

CREATE TABLE usage.reader (
    role_name   text NOT NULL,                    -- a PostgreSQL role that can log in
    source      text NOT NULL,
    tenant_id   text NOT NULL,
    granted_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (role_name, source, tenant_id)
);
ALTER TABLE usage.reader ENABLE ROW LEVEL SECURITY;
CREATE POLICY reader ON usage.reader FOR SELECT USING (role_name = current_user);

-- Tables that say themselves whose a row is.
DO $$
DECLARE
    readable text;
BEGIN
    FOREACH readable IN ARRAY ARRAY['tenant', 'project', 'api_key', 'usage_event', 'run_ledger', 'daily_usage',
                                    'daily_project_usage', 'daily_key_usage', 'daily_user_usage', 'daily_model_usage',
                                    'daily_node_usage']
    LOOP
        EXECUTE format('ALTER TABLE usage.%I ENABLE ROW LEVEL SECURITY', readable);
        EXECUTE format('CREATE POLICY reader ON usage.%I FOR SELECT USING ((source, tenant_id) IN '
                       '(SELECT r.source, r.tenant_id FROM usage.reader r WHERE r.role_name = current_user))', readable);
    END LOOP;
END
$$;

-- A budget is a tenant's when its scope's value is; the company's own are nobody's to read.
ALTER TABLE usage.budget_status ENABLE ROW LEVEL SECURITY;
CREATE POLICY reader ON usage.budget_status FOR SELECT USING ((scope ->> 'source', scope ->> 'tenant_id') IN
    (SELECT r.source, r.tenant_id FROM usage.reader r WHERE r.role_name = current_user));

-- The policy of budget_status holds in here too: an alert is seen by whoever sees the budget's row.
ALTER TABLE usage.alert ENABLE ROW LEVEL SECURITY;
CREATE POLICY reader ON usage.alert FOR SELECT USING (kind = 'budget' AND EXISTS (
    SELECT FROM usage.budget_status b
    WHERE b.budget_id = alert.budget_id AND b.scope_value = alert.scope_value AND b.period_start = alert.period_start
      AND (b.scope ->> 'source', b.scope ->> 'tenant_id') IN
          (SELECT r.source, r.tenant_id FROM usage.reader r WHERE r.role_name = current_user)));
