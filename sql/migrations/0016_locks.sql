-- Locks that a reader cannot take: rows of a table on which readers have no rights, one a thing that is done one at a time.
-- Writes a new table only. Safe to run once; alembic keeps the record of that in usage.schema_version.
CREATE TABLE usage.lock (
    name  text PRIMARY KEY
);
INSERT INTO usage.lock (name) VALUES ('roll_up'), ('budgets'), ('plan'), ('enforcement_cap');

COMMENT ON TABLE usage.lock IS 'What is done by one session at a time locks its row until its transaction ends';
