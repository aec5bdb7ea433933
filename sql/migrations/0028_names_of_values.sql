-- The values of a budget are found by their names, for machines that ask where a budget stands. Adds an index: writers of
-- usage.budget_status wait while it is made, some seconds for a million rows. Safe to run once; alembic keeps the record of
-- that in usage.schema_version.
CREATE INDEX budget_status_name ON usage.budget_status (budget_id, scope_name, period_end);
