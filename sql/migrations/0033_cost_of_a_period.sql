-- What a budget's value cost, whatever of it is limited: the message that its alert is over says so.
-- Adds a column without a default: safe on a live table. Runs once; alembic keeps the record in usage.schema_version.
ALTER TABLE usage.budget_status ADD COLUMN cost numeric;

COMMENT ON COLUMN usage.budget_status.cost IS 'What was spent in the configuration''s currency, whatever is limited; null: evaluated before it was kept';
