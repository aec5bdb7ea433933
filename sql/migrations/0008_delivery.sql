-- Creates what delivery needs beyond the outbox: messages that carry several alerts, the turns of robots, silences,
-- acknowledgements, resolutions, passes, and the history of every change of state, which nobody can rewrite.
-- Reads usage.alert and usage.delivery. Safe to run once; alembic keeps the record of that in usage.schema_version.

ALTER TABLE usage.delivery
    ADD COLUMN message_id text,                     -- what carried it: the same at each attempt; null before the first
    ADD COLUMN occasion   text NOT NULL DEFAULT 'alert', -- alert, fallback, repeat:<n>, escalation:<n>, acknowledged, resolved
    ADD COLUMN event      text NOT NULL DEFAULT 'trigger' CHECK (event IN ('trigger', 'acknowledge', 'resolve')),
    ADD COLUMN held_until timestamptz,              -- the end of the quiet hours that it waits for
    ADD COLUMN reason     text,                     -- why it was inhibited, silenced or held
    DROP CONSTRAINT delivery_state_check,
    ADD CONSTRAINT delivery_state_check
        CHECK (state IN ('pending', 'sending', 'delivered', 'failed', 'inhibited', 'silenced')),
    DROP CONSTRAINT delivery_alert_id_recipient_key,
    ADD CONSTRAINT delivery_once UNIQUE (alert_id, recipient, occasion);
UPDATE usage.delivery SET message_id = delivery_id WHERE attempts > 0;
CREATE INDEX delivery_message ON usage.delivery (message_id) WHERE state IN ('pending', 'sending');

ALTER TABLE usage.alert_delivery ADD COLUMN message_id text;
UPDATE usage.alert_delivery SET message_id = delivery_id;

CREATE INDEX alert_emergency ON usage.alert (created_at) WHERE level = 'emergency';

CREATE TABLE usage.channel_turn (
    rate_key    text NOT NULL,                      -- what a channel's rates hold for, hashed
    message_id  text NOT NULL,
    attempt     integer NOT NULL,
    taken_at    timestamptz NOT NULL,               -- when the attempt ended; while it is made, when it must have ended
    PRIMARY KEY (rate_key, message_id, attempt)
);
CREATE INDEX channel_turn_newest ON usage.channel_turn (rate_key, taken_at);

CREATE TABLE usage.channel_pause (
    rate_key     text PRIMARY KEY,
    paused_until timestamptz NOT NULL               -- the channel itself asked to be left alone until then
);

CREATE FUNCTION usage.as_like(glob text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- A glob as people write it (dev-*) as a LIKE pattern; LIKE's own wildcards in it are meant literally.
    SELECT translate(regexp_replace(glob, '([\\%_])', '\\\1', 'g'), '*?', '%_')
$$;

CREATE TABLE usage.silence (
    silence_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    budget      text NOT NULL,                      -- glob on budget ids
    scope       text,                               -- glob on scope names and values; null: every scope
    below       text NOT NULL DEFAULT 'emergency' CHECK (below IN ('warning', 'critical', 'emergency')),
    emergencies boolean NOT NULL DEFAULT false,     -- hides emergencies too: said explicitly, never by a pattern
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL,
    reason      text NOT NULL,
    made_by     text NOT NULL,
    ended_by    text,                               -- who ended it before its time
    created_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (ends_at >= starts_at)
);

CREATE TABLE usage.acknowledgement (
    alert_id  text PRIMARY KEY REFERENCES usage.alert,
    at        timestamptz NOT NULL,
    by_whom   text NOT NULL,
    note      text
);

CREATE TABLE usage.resolution (
    alert_id  text PRIMARY KEY REFERENCES usage.alert,
    at        timestamptz NOT NULL,
    why       text NOT NULL                         -- period_over, below
);
-- Nobody wants a note about periods that were over before there were notes.
INSERT INTO usage.resolution (alert_id, at, why)
SELECT alert_id, period_end, 'period_over' FROM usage.alert WHERE kind = 'budget' AND period_end <= now();

CREATE TABLE usage.pass_record (
    pass_id      text PRIMARY KEY,                  -- the Dagster run, or the command and its moment
    started_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    held         boolean,                           -- whether it came to its end; null while it runs, or when it was killed
    error        text
);
CREATE INDEX pass_record_started ON usage.pass_record (started_at);

CREATE TABLE usage.alert_event (
    event_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    alert_id        text,                           -- null for silences
    delivery_id     text,
    what            text NOT NULL,                  -- raised, acknowledged, resolved, silence_made, silence_ended, or a delivery's state
    from_state      text,
    attempt         integer,
    recipient       text,
    channel         text,
    detail          text,
    by_whom         text NOT NULL,                  -- the Dagster run or the command; for people's acts the person
    config_version  bigint
);
CREATE INDEX alert_event_at ON usage.alert_event (at);
CREATE INDEX alert_event_alert ON usage.alert_event (alert_id);

CREATE FUNCTION usage.acting() RETURNS text
LANGUAGE sql STABLE AS $$
    -- Who works in this session: the run or the command, as it has said; else the database's user.
    SELECT coalesce(nullif(current_setting('usage_pipeline.acting', true), ''), session_user::text)
$$;

CREATE FUNCTION usage.acting_version() RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT nullif(current_setting('usage_pipeline.config_version', true), '')::bigint
$$;

CREATE FUNCTION usage.note_delivery() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = NEW.state AND OLD.attempts = NEW.attempts
       AND (NEW.held_until IS NULL OR OLD.held_until IS NOT DISTINCT FROM NEW.held_until) THEN
        RETURN NULL;
    END IF;
    INSERT INTO usage.alert_event (alert_id, delivery_id, what, from_state, attempt, recipient, channel, detail, by_whom,
                                   config_version)
    SELECT NEW.alert_id, NEW.delivery_id,
           CASE WHEN TG_OP = 'UPDATE' AND OLD.state = 'pending' AND NEW.state = 'pending' THEN 'held' ELSE NEW.state END,
           CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END,
           nullif(NEW.attempts, 0), NEW.recipient, NEW.channel,
           concat_ws('; ', nullif(NEW.occasion, 'alert'), NEW.reason),
           coalesce(NEW.leased_by, CASE WHEN TG_OP = 'UPDATE' THEN OLD.leased_by END, usage.acting()),
           coalesce(usage.acting_version(), a.config_version)
    FROM usage.alert a WHERE a.alert_id = NEW.alert_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER delivery_noted AFTER INSERT OR UPDATE ON usage.delivery
    FOR EACH ROW EXECUTE FUNCTION usage.note_delivery();

CREATE FUNCTION usage.note_alert() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage.alert_event (alert_id, what, detail, by_whom, config_version)
    VALUES (NEW.alert_id, 'raised', NEW.level, usage.acting(), coalesce(NEW.config_version, usage.acting_version()));
    RETURN NULL;
END
$$;
CREATE TRIGGER alert_noted AFTER INSERT ON usage.alert FOR EACH ROW EXECUTE FUNCTION usage.note_alert();

CREATE FUNCTION usage.note_acknowledgement() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage.alert_event (alert_id, what, detail, by_whom, config_version)
    VALUES (NEW.alert_id, 'acknowledged', NEW.note, NEW.by_whom, usage.acting_version());
    RETURN NULL;
END
$$;
CREATE TRIGGER acknowledgement_noted AFTER INSERT ON usage.acknowledgement
    FOR EACH ROW EXECUTE FUNCTION usage.note_acknowledgement();

CREATE FUNCTION usage.note_resolution() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage.alert_event (alert_id, what, detail, by_whom, config_version)
    VALUES (NEW.alert_id, 'resolved', NEW.why, usage.acting(), usage.acting_version());
    RETURN NULL;
END
$$;
CREATE TRIGGER resolution_noted AFTER INSERT ON usage.resolution
    FOR EACH ROW EXECUTE FUNCTION usage.note_resolution();

CREATE FUNCTION usage.note_silence() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage.alert_event (what, detail, by_whom, config_version)
    VALUES (CASE WHEN TG_OP = 'INSERT' THEN 'silence_made' ELSE 'silence_ended' END,
            concat_ws('; ', 'silence ' || NEW.silence_id, 'budget ' || NEW.budget, 'scope ' || NEW.scope,
                      'until ' || NEW.ends_at, CASE WHEN NEW.emergencies THEN 'emergencies too' END, NEW.reason),
            coalesce(NEW.ended_by, NEW.made_by), usage.acting_version());
    RETURN NULL;
END
$$;
CREATE TRIGGER silence_noted AFTER INSERT OR UPDATE ON usage.silence
    FOR EACH ROW EXECUTE FUNCTION usage.note_silence();

CREATE FUNCTION usage.history_only() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What is history is never rewritten; it leaves only by the retention job, which says so for its own transaction.
BEGIN
    IF TG_OP IN ('DELETE', 'TRUNCATE') AND current_setting('usage_pipeline.retention', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'usage.% is history: % is refused', TG_TABLE_NAME, TG_OP
        USING HINT = 'rows leave by the job remove_old_alerts', ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER alert_event_history BEFORE UPDATE OR DELETE ON usage.alert_event
    FOR EACH ROW EXECUTE FUNCTION usage.history_only();
CREATE TRIGGER alert_event_whole BEFORE TRUNCATE ON usage.alert_event
    FOR EACH STATEMENT EXECUTE FUNCTION usage.history_only();
CREATE TRIGGER alert_history BEFORE DELETE OR UPDATE OF alert_id, kind, budget_id, scope_value, period_start, tier, level,
    facts, config_version, created_at ON usage.alert
    FOR EACH ROW EXECUTE FUNCTION usage.history_only();
CREATE TRIGGER alert_whole BEFORE TRUNCATE ON usage.alert
    FOR EACH STATEMENT EXECUTE FUNCTION usage.history_only();
CREATE TRIGGER acknowledgement_history BEFORE UPDATE OR DELETE ON usage.acknowledgement
    FOR EACH ROW EXECUTE FUNCTION usage.history_only();
CREATE TRIGGER alert_delivery_gone BEFORE DELETE ON usage.alert_delivery
    FOR EACH ROW EXECUTE FUNCTION usage.history_only();
CREATE TRIGGER alert_delivery_whole BEFORE TRUNCATE ON usage.alert_delivery
    FOR EACH STATEMENT EXECUTE FUNCTION usage.history_only();
-- An attempt gets its outcome once; one that was given up as unknown may still turn out to have had one.
CREATE TRIGGER alert_delivery_history BEFORE UPDATE ON usage.alert_delivery
    FOR EACH ROW WHEN (OLD.outcome NOT IN ('sending', 'unknown')
                       OR (NEW.delivery_id, NEW.attempt, NEW.alert_id, NEW.recipient, NEW.channel, NEW.started_at)
                          IS DISTINCT FROM
                          (OLD.delivery_id, OLD.attempt, OLD.alert_id, OLD.recipient, OLD.channel, OLD.started_at))
    EXECUTE FUNCTION usage.history_only();
CREATE TRIGGER budget_event_history BEFORE UPDATE OR DELETE ON usage.budget_event
    FOR EACH ROW EXECUTE FUNCTION usage.history_only();
