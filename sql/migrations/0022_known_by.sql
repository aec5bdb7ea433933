-- How it is known who acted (link, header, account, dagster) stands beside the name wherever people decide, and what a form
-- of the web page did is on record, so that it does it once. Adds columns without values, a table and triggers: safe on a
-- live table. Reads nothing. Runs once; alembic keeps the record of that in usage.schema_version.

ALTER TABLE usage.acknowledgement ADD COLUMN known_by text;
ALTER TABLE usage.silence ADD COLUMN known_by text, ADD COLUMN ended_known_by text;
ALTER TABLE usage.budget_override ADD COLUMN requested_known_by text, ADD COLUMN decided_known_by text;
ALTER TABLE usage.budget_event ADD COLUMN known_by text;
ALTER TABLE usage.enforcement_event ADD COLUMN known_by text;
ALTER TABLE usage.alert_event ADD COLUMN known_by text;

COMMENT ON COLUMN usage.acknowledgement.known_by IS 'How it is known who: link, header, account or dagster';
COMMENT ON COLUMN usage.budget_override.decided_known_by IS 'How it is known who decided: link, header, account or dagster';

CREATE TRIGGER budget_override_known BEFORE UPDATE ON usage.budget_override FOR EACH ROW
    WHEN (NEW.requested_known_by IS DISTINCT FROM OLD.requested_known_by
          OR OLD.decided_at IS NOT NULL AND NEW.decided_known_by IS DISTINCT FROM OLD.decided_known_by)
    EXECUTE FUNCTION usage.history_only();
CREATE TRIGGER silence_known BEFORE UPDATE ON usage.silence FOR EACH ROW
    WHEN (NEW.known_by IS DISTINCT FROM OLD.known_by)
    EXECUTE FUNCTION usage.history_only();

-- The seal of a row that says how people are known takes that in; of one that does not, it is what it was.
CREATE OR REPLACE FUNCTION usage.digest_of(r usage.budget_override) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(convert_to((jsonb_build_array(r.override_id, r.budget_id, r.scope_value, r.scope_name, r.measure, r.raise_by,
        r.raise_percent, r.reason, r.state, r.requested_by, r.requested_at AT TIME ZONE 'UTC', r.until AT TIME ZONE 'UTC',
        r.decided_by, r.decided_at AT TIME ZONE 'UTC', r.closed_at AT TIME ZONE 'UTC')
        || CASE WHEN num_nonnulls(r.requested_known_by, r.decided_known_by) = 0 THEN '[]'
                ELSE jsonb_build_array(r.requested_known_by, r.decided_known_by) END)::text, 'UTF8'))
$$;

CREATE OR REPLACE FUNCTION usage.note_acknowledgement() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage.alert_event (alert_id, what, detail, by_whom, known_by, config_version)
    VALUES (NEW.alert_id, 'acknowledged', NEW.note, NEW.by_whom, NEW.known_by, usage.acting_version());
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION usage.note_silence() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage.alert_event (what, detail, by_whom, known_by, config_version)
    VALUES (CASE WHEN TG_OP = 'INSERT' THEN 'silence_made' ELSE 'silence_ended' END,
            concat_ws('; ', 'silence ' || NEW.silence_id, 'budget ' || NEW.budget, 'scope ' || NEW.scope,
                      'until ' || NEW.ends_at, CASE WHEN NEW.emergencies THEN 'emergencies too' END, NEW.reason),
            coalesce(NEW.ended_by, NEW.made_by),
            CASE WHEN NEW.ended_by IS NULL THEN NEW.known_by ELSE NEW.ended_known_by END, usage.acting_version());
    RETURN NULL;
END
$$;

CREATE TABLE usage.used_form (
    digest     bytea PRIMARY KEY,                 -- SHA-256 of what the form carried
    at         timestamptz NOT NULL,
    alert_id   text NOT NULL,
    deed       text NOT NULL,
    recipient  text NOT NULL,                     -- whom the link was made for
    person     text NOT NULL,
    known_by   text NOT NULL
);
COMMENT ON TABLE usage.used_form IS 'What forms of the web page did, each once: of which alert, which deed, by whom and how that is known';
CREATE TRIGGER used_form_history BEFORE UPDATE OR DELETE ON usage.used_form
    FOR EACH ROW EXECUTE FUNCTION usage.history_only();
CREATE TRIGGER used_form_whole BEFORE TRUNCATE ON usage.used_form
    FOR EACH STATEMENT EXECUTE FUNCTION usage.history_only();
