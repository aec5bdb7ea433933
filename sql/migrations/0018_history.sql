-- History that nobody rewrites: what was decided, done, alerted and configured only grows. Rows change forward (a decision
-- is taken once), are never emptied, and leave by usage.remove_alerts alone, which has a rule of its own and leaves a count.
-- Adds columns with constant defaults, functions and triggers: safe on a live table. Reads and writes usage.config_version.
-- Runs once; alembic keeps the record of that in usage.schema_version.

-- A version that loses much waits for a second look before it is active (settings/losses.py).
ALTER TABLE usage.config_version
    ADD COLUMN activated_at timestamptz,             -- null while it waits, or was refused
    ADD COLUMN waits_since timestamptz,              -- when it was first seen and lost much; null when it did not wait
    ADD COLUMN passes_seen integer NOT NULL DEFAULT 0,  -- in a row, by passes, while it waits
    ADD COLUMN last_seen_pass text,
    ADD COLUMN confirmed_by text;                    -- the person who would not have it wait
UPDATE usage.config_version SET activated_at = loaded_at WHERE valid;

CREATE TABLE usage.removed_history (
    removal_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_name   text NOT NULL,
    until        timestamptz NOT NULL,               -- what is about alerts of before this moment may leave
    rows         bigint NOT NULL,
    at           timestamptz NOT NULL,
    by_whom      text NOT NULL,                      -- the database's user
    transaction  xid8 NOT NULL                       -- in which the rows left; no other may remove any by this record
);
COMMENT ON TABLE usage.removed_history IS 'What left the history by its retention: how many rows of which table, and of what age';

CREATE FUNCTION usage.note_removal() RETURNS trigger
LANGUAGE plpgsql AS $$
-- Who removes what, and when, is not theirs to say; nothing leaves that is younger than the least that may be kept.
BEGIN
    NEW.at := clock_timestamp();
    NEW.by_whom := session_user;
    NEW.transaction := pg_current_xact_id();
    IF NEW.until > NEW.at - interval '30 days' THEN
        RAISE EXCEPTION 'history of less than 30 days is kept: nothing from before % may be removed', NEW.until
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER removed_history_noted BEFORE INSERT ON usage.removed_history
    FOR EACH ROW EXECUTE FUNCTION usage.note_removal();

CREATE FUNCTION usage.may_leave(of_table text, gone jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    -- Whether this very transaction has put on record that it removes rows of this table and age.
    SELECT EXISTS (
        SELECT FROM usage.removed_history r
        WHERE r.transaction = pg_current_xact_id_if_assigned() AND r.table_name = of_table
          AND r.until > coalesce((SELECT a.created_at FROM usage.alert a WHERE a.alert_id = gone ->> 'alert_id'),
                                 (gone ->> 'at')::timestamptz))
$$;

CREATE OR REPLACE FUNCTION usage.history_only() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What is history is never rewritten. No setting of a session opens it: rows leave with their removal on record.
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF usage.may_leave(TG_TABLE_NAME, to_jsonb(OLD)) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'usage.% is history: % is refused', TG_TABLE_NAME, TG_OP
        USING HINT = 'rows leave by the job remove_old_alerts', ERRCODE = 'restrict_violation';
END
$$;

DO $$
DECLARE
    kept text;
BEGIN
    -- Emptying is refused everywhere; alert, alert_delivery, alert_event and enforcement_event have it already.
    FOREACH kept IN ARRAY ARRAY['acknowledgement', 'resolution', 'delivery', 'budget_event', 'budget_override', 'budget_lock',
                                'enforcement_plan', 'enforcement_action', 'config_version', 'silence', 'removed_history']
    LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON usage.%I FOR EACH STATEMENT '
                       'EXECUTE FUNCTION usage.history_only()', kept || '_whole', kept);
    END LOOP;
    FOREACH kept IN ARRAY ARRAY['delivery', 'budget_override', 'budget_lock', 'enforcement_plan', 'enforcement_action',
                                'config_version', 'silence']
    LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE DELETE ON usage.%I FOR EACH ROW '
                       'EXECUTE FUNCTION usage.history_only()', kept || '_gone', kept);
    END LOOP;
    FOREACH kept IN ARRAY ARRAY['resolution', 'removed_history']
    LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON usage.%I FOR EACH ROW '
                       'EXECUTE FUNCTION usage.history_only()', kept || '_history', kept);
    END LOOP;
END
$$;

-- Forward only: each trigger below names what would be a step back or another story.
CREATE TRIGGER delivery_history BEFORE UPDATE ON usage.delivery FOR EACH ROW
    WHEN ((NEW.delivery_id, NEW.alert_id, NEW.recipient, NEW.channel, NEW.occasion, NEW.event, NEW.created_at)
          IS DISTINCT FROM
          (OLD.delivery_id, OLD.alert_id, OLD.recipient, OLD.channel, OLD.occasion, OLD.event, OLD.created_at))
    EXECUTE FUNCTION usage.history_only();

CREATE TRIGGER budget_override_history BEFORE UPDATE ON usage.budget_override FOR EACH ROW
    WHEN ((NEW.override_id, NEW.budget_id, NEW.scope_value, NEW.scope_name, NEW.measure, NEW.raise_by, NEW.raise_percent,
           NEW.reason, NEW.requested_by, NEW.requested_at, NEW.until)
          IS DISTINCT FROM
          (OLD.override_id, OLD.budget_id, OLD.scope_value, OLD.scope_name, OLD.measure, OLD.raise_by, OLD.raise_percent,
           OLD.reason, OLD.requested_by, OLD.requested_at, OLD.until)
          OR OLD.state NOT IN ('pending', 'approved') OR OLD.state = 'approved' AND NEW.state <> 'ended'
          OR OLD.state = 'approved' AND (NEW.decided_by, NEW.decided_at) IS DISTINCT FROM (OLD.decided_by, OLD.decided_at)
          OR NEW.state IN ('approved', 'rejected', 'withdrawn') AND NEW.decided_by IS NULL)
    EXECUTE FUNCTION usage.history_only();
-- What was never asked for is not approved.
CREATE TRIGGER budget_override_begins BEFORE INSERT ON usage.budget_override FOR EACH ROW
    WHEN (NEW.state <> 'pending' OR NEW.decided_by IS NOT NULL) EXECUTE FUNCTION usage.history_only();

CREATE TRIGGER budget_lock_history BEFORE UPDATE ON usage.budget_lock FOR EACH ROW
    WHEN ((NEW.budget_id, NEW.scope_value, NEW.locked_at, NEW.scope_name, NEW.scope, NEW.period_start, NEW.period_end,
           NEW.tier, NEW."limit")
          IS DISTINCT FROM
          (OLD.budget_id, OLD.scope_value, OLD.locked_at, OLD.scope_name, OLD.scope, OLD.period_start, OLD.period_end,
           OLD.tier, OLD."limit")
          OR OLD.unlocked_at IS NOT NULL)
    EXECUTE FUNCTION usage.history_only();

CREATE TRIGGER enforcement_plan_history BEFORE UPDATE ON usage.enforcement_plan FOR EACH ROW
    WHEN ((NEW.cause_key, NEW.planned_at, NEW.config_version) IS DISTINCT FROM (OLD.cause_key, OLD.planned_at, OLD.config_version)
          OR OLD.outcome <> 'planning')
    EXECUTE FUNCTION usage.history_only();

-- What was asked for, and what was decided, began and ended once.
CREATE TRIGGER enforcement_action_history BEFORE UPDATE ON usage.enforcement_action FOR EACH ROW
    WHEN ((NEW.action_id, NEW.cause, NEW.cause_key, NEW.alert_id, NEW.budget_id, NEW.scope_value, NEW.scope_name, NEW.rolling,
           NEW.period_start, NEW.period_end, NEW.tier, NEW.tier_on, NEW.round, NEW.level, NEW.measure, NEW."limit",
           NEW.action, NEW.source, NEW.tenant_id, NEW.app_id, NEW.target_name, NEW.place, NEW.mode, NEW.recipients,
           NEW.requested_at, NEW.requested_by, NEW.approve_until, NEW.config_version)
          IS DISTINCT FROM
          (OLD.action_id, OLD.cause, OLD.cause_key, OLD.alert_id, OLD.budget_id, OLD.scope_value, OLD.scope_name, OLD.rolling,
           OLD.period_start, OLD.period_end, OLD.tier, OLD.tier_on, OLD.round, OLD.level, OLD.measure, OLD."limit",
           OLD.action, OLD.source, OLD.tenant_id, OLD.app_id, OLD.target_name, OLD.place, OLD.mode, OLD.recipients,
           OLD.requested_at, OLD.requested_by, OLD.approve_until, OLD.config_version)
          OR OLD.decided_at IS NOT NULL AND (NEW.decided_at, NEW.decided_by) IS DISTINCT FROM (OLD.decided_at, OLD.decided_by)
          OR OLD.began_at IS NOT NULL AND NEW.began_at IS DISTINCT FROM OLD.began_at
          OR OLD.release_at IS NOT NULL AND (NEW.release_at, NEW.release_by, NEW.release_why)
                                            IS DISTINCT FROM (OLD.release_at, OLD.release_by, OLD.release_why)
          OR OLD.released_at IS NOT NULL AND NEW.released_at IS DISTINCT FROM OLD.released_at)
    EXECUTE FUNCTION usage.history_only();
CREATE TRIGGER enforcement_action_forward BEFORE UPDATE OF state ON usage.enforcement_action FOR EACH ROW
    WHEN (OLD.state <> NEW.state
          AND (OLD.state IN ('dry_run', 'released', 'refused', 'rejected', 'expired', 'not_needed')
               OR NEW.state IN ('dry_run', 'planned') OR NEW.state IN ('approved', 'rejected') AND OLD.state <> 'planned'
               OR NEW.state IN ('approved', 'rejected') AND NEW.decided_by IS NULL))
    EXECUTE FUNCTION usage.history_only();

CREATE TRIGGER config_version_history BEFORE UPDATE ON usage.config_version FOR EACH ROW
    WHEN ((NEW.version_id, NEW.hash, NEW.path, NEW.content, NEW.valid, NEW.error, NEW.loaded_at, NEW.changed_by, NEW.diff)
          IS DISTINCT FROM
          (OLD.version_id, OLD.hash, OLD.path, OLD.content, OLD.valid, OLD.error, OLD.loaded_at, OLD.changed_by, OLD.diff))
    EXECUTE FUNCTION usage.history_only();

-- A silence ends once, never later than it was made for.
CREATE TRIGGER silence_history BEFORE UPDATE ON usage.silence FOR EACH ROW
    WHEN ((NEW.silence_id, NEW.budget, NEW.scope, NEW.below, NEW.emergencies, NEW.starts_at, NEW.reason, NEW.made_by,
           NEW.created_at)
          IS DISTINCT FROM
          (OLD.silence_id, OLD.budget, OLD.scope, OLD.below, OLD.emergencies, OLD.starts_at, OLD.reason, OLD.made_by,
           OLD.created_at)
          OR OLD.ended_by IS NOT NULL OR NEW.ended_by IS NULL OR NEW.ends_at > OLD.ends_at)
    EXECUTE FUNCTION usage.history_only();

CREATE FUNCTION usage.remove_alerts(before timestamptz, at_most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
-- Removes up to so many alerts that were raised before a moment, 30 days ago at the latest, and whose deliveries have
-- ended, with all that happened to them, and what happened to silences by then. Returns how many alerts. Who may call it
-- needs no right to delete. Safe to run twice and at once.
DECLARE
    until timestamptz := least(before, now() - interval '30 days');
    old text[];
BEGIN
    SELECT coalesce(array_agg(o.alert_id), '{}') INTO old
    FROM (SELECT a.alert_id FROM usage.alert a
          WHERE a.created_at < until
            AND NOT EXISTS (SELECT FROM usage.delivery d WHERE d.alert_id = a.alert_id AND d.state IN ('pending', 'sending'))
          ORDER BY a.created_at LIMIT at_most FOR UPDATE) AS o;
    INSERT INTO usage.removed_history (table_name, until, rows)
    SELECT gone.table_name, until, gone.rows
    FROM (SELECT 'alert_delivery' AS table_name, count(*) AS rows FROM usage.alert_delivery WHERE alert_id = ANY (old)
          UNION ALL SELECT 'delivery', count(*) FROM usage.delivery WHERE alert_id = ANY (old)
          UNION ALL SELECT 'acknowledgement', count(*) FROM usage.acknowledgement WHERE alert_id = ANY (old)
          UNION ALL SELECT 'resolution', count(*) FROM usage.resolution WHERE alert_id = ANY (old)
          UNION ALL SELECT 'alert_event', count(*) FROM usage.alert_event
                    WHERE alert_id = ANY (old) OR alert_id IS NULL AND at < until
          UNION ALL SELECT 'alert', cardinality(old)) AS gone
    WHERE gone.rows > 0;
    DELETE FROM usage.alert_delivery WHERE alert_id = ANY (old);
    UPDATE usage.delivery SET fallback_for = NULL WHERE alert_id = ANY (old) AND fallback_for IS NOT NULL;
    DELETE FROM usage.delivery WHERE alert_id = ANY (old);
    DELETE FROM usage.acknowledgement WHERE alert_id = ANY (old);
    DELETE FROM usage.resolution WHERE alert_id = ANY (old);
    DELETE FROM usage.alert_event WHERE alert_id = ANY (old) OR alert_id IS NULL AND at < until;
    DELETE FROM usage.alert WHERE alert_id = ANY (old);
    RETURN cardinality(old);
END
$$;
REVOKE EXECUTE ON FUNCTION usage.remove_alerts(timestamptz, integer) FROM PUBLIC;
