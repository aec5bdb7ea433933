-- The app of a message that was set aside: a console shows a message by its app alone.
-- Adds a column without a default: safe on a live table. Runs once; alembic keeps the record in usage.schema_version.
ALTER TABLE usage.source_problem ADD COLUMN app_id text;

COMMENT ON COLUMN usage.source_problem.app_id IS 'The app of a message that was set aside';
