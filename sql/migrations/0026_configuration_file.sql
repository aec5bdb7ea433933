-- Remembers at which path a version of the configuration was seen last: the same bytes at another path are one version.
-- Adds a column and fills it: safe on a live table. Writes usage.config_version. Runs once; alembic keeps the record of that
-- in usage.schema_version.
ALTER TABLE usage.config_version ADD COLUMN last_seen_path text;
UPDATE usage.config_version SET last_seen_path = path;
-- What waits for the end of the transaction would keep a later migration from altering the table.
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;

COMMENT ON COLUMN usage.config_version.last_seen_path IS 'The file that it was last seen in';
COMMENT ON COLUMN usage.config_version.activated_at IS 'When it became active; null while it waits, or was refused';
COMMENT ON COLUMN usage.config_version.waits_since IS 'When it was first seen and lost much against what was active';
COMMENT ON COLUMN usage.config_version.passes_seen IS 'How many passes in a row have seen it while it waited';
COMMENT ON COLUMN usage.config_version.last_seen_pass IS 'The newest pass that has seen it while it waited';
COMMENT ON COLUMN usage.config_version.confirmed_by IS 'Who made it active at once';
