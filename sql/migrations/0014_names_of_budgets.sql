-- Remembers whose a name is that a budget's scope writes, so that somebody else's project of that name changes nothing.
-- Writes a new table only. Safe to run once; alembic keeps the record of that in usage.schema_version.
CREATE TABLE usage.budget_name (
    budget_id  text NOT NULL,
    dimension  text NOT NULL,
    name       text NOT NULL,
    source     text NOT NULL,
    tenant_id  text NOT NULL,
    PRIMARY KEY (budget_id, dimension, name)
);

COMMENT ON TABLE usage.budget_name IS 'Whose a name is that a scope writes: the one workspace that had it when it fitted no other';
COMMENT ON COLUMN usage.budget_name.dimension IS 'tenant, project or api_key';
COMMENT ON COLUMN usage.budget_name.tenant_id IS 'whose values of that name the budget takes; another workspace''s of the same name are left out';
