-- Keeps what tells a budget's value apart as one document, as budget_status does, so that a dimension needs no column.
-- Reads and writes usage.budget_value. Safe to run once; alembic keeps the record of that in usage.schema_version.
ALTER TABLE usage.budget_value ADD COLUMN scope jsonb NOT NULL DEFAULT '{}';

UPDATE usage.budget_value SET scope = jsonb_strip_nulls(jsonb_build_object(
    'source', source, 'tenant_id', tenant_id, 'environment', environment, 'app_id', app_id, 'api_key_id', api_key_id,
    'caller_kind', caller_kind, 'caller_id', caller_id, 'provider', provider, 'model', model, 'node_id', node_id));

ALTER TABLE usage.budget_value ALTER COLUMN scope DROP DEFAULT, DROP COLUMN environment, DROP COLUMN caller_kind,
    DROP COLUMN caller_id, DROP COLUMN provider, DROP COLUMN model, DROP COLUMN node_id;

COMMENT ON COLUMN usage.budget_value.scope IS 'as in budget_status; source, tenant_id, app_id and api_key_id beside it join names';
