-- What a warehouse needs to see that it was restored from a backup: a name of its own, the record of it, and what is not to
-- be sent again. Names each lock by its budget's value and period, so that what follows from it has the same ids when a
-- restored warehouse finds it again. Adds tables and a column, and names the locks that there are: safe on a live table.
-- Runs once; alembic keeps the record of that in usage.schema_version.
CREATE TABLE usage.warehouse (
    warehouse_id  uuid NOT NULL DEFAULT gen_random_uuid(),
    only_one      boolean PRIMARY KEY DEFAULT true CHECK (only_one)
);
INSERT INTO usage.warehouse DEFAULT VALUES;
COMMENT ON TABLE usage.warehouse IS 'The warehouse''s own name, by which it knows the marks of what was sent and done with it';
COMMENT ON COLUMN usage.warehouse.warehouse_id IS 'The same after a backup was restored';
COMMENT ON COLUMN usage.warehouse.only_one IS 'True: there is one row';

CREATE TABLE usage.restore (
    restore_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    found_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    found_by     text NOT NULL,
    accepted_at  timestamptz,
    accepted_by  text
);
CREATE UNIQUE INDEX restore_open ON usage.restore ((true)) WHERE accepted_at IS NULL;
COMMENT ON TABLE usage.restore IS 'That the warehouse was found to be restored from a backup, and who went on with it';
COMMENT ON COLUMN usage.restore.restore_id IS 'A number of its own';
COMMENT ON COLUMN usage.restore.found_at IS 'When it was found; from then on nothing is sent or done';
COMMENT ON COLUMN usage.restore.found_by IS 'What knew more: marks (beside the warehouse) or dagster (a pass)';
COMMENT ON COLUMN usage.restore.accepted_at IS 'When a person went on with it; null: nobody has yet';
COMMENT ON COLUMN usage.restore.accepted_by IS 'That person';
CREATE TRIGGER restore_gone BEFORE DELETE ON usage.restore FOR EACH ROW EXECUTE FUNCTION usage.history_only();
CREATE TRIGGER restore_whole BEFORE TRUNCATE ON usage.restore
    FOR EACH STATEMENT EXECUTE FUNCTION usage.history_only();
CREATE TRIGGER restore_history BEFORE UPDATE ON usage.restore FOR EACH ROW
    WHEN (OLD.accepted_at IS NOT NULL OR (NEW.found_at, NEW.found_by) IS DISTINCT FROM (OLD.found_at, OLD.found_by))
    EXECUTE FUNCTION usage.history_only();

CREATE TABLE usage.sent_before_restore (
    delivery_id  text PRIMARY KEY
);
COMMENT ON TABLE usage.sent_before_restore IS 'Deliveries that were sent in a time that this warehouse does not know';
COMMENT ON COLUMN usage.sent_before_restore.delivery_id IS 'As in delivery, which may not have it yet';

ALTER TABLE usage.budget_lock ADD COLUMN lock_name text;
ALTER TABLE usage.budget_lock DISABLE TRIGGER budget_lock_history;
UPDATE usage.budget_lock SET lock_name = budget_id || '|' || scope_value || '|' || extract(epoch FROM locked_at);
ALTER TABLE usage.budget_lock ENABLE TRIGGER budget_lock_history;
COMMENT ON COLUMN usage.budget_lock.lock_name IS 'By what its actions know it: the budget''s value, its period and which lock of these';

CREATE FUNCTION usage.name_lock() RETURNS trigger
LANGUAGE plpgsql AS $$
-- The same for the same lock, whenever it is written: not its moment, but which lock of its value and period it is.
BEGIN
    NEW.lock_name := concat_ws('|', NEW.budget_id, NEW.scope_value, extract(epoch FROM NEW.period_start),
        1 + (SELECT count(*) FROM usage.budget_lock l
             WHERE l.budget_id = NEW.budget_id AND l.scope_value = NEW.scope_value AND l.period_start = NEW.period_start));
    RETURN NEW;
END
$$;
CREATE TRIGGER budget_lock_names BEFORE INSERT ON usage.budget_lock FOR EACH ROW EXECUTE FUNCTION usage.name_lock();
CREATE TRIGGER budget_lock_named BEFORE UPDATE OF lock_name ON usage.budget_lock
    FOR EACH ROW EXECUTE FUNCTION usage.history_only();
