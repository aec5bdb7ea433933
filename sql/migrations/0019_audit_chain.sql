-- A chain of hashes over alerts, attempts, overrides, actions, versions of the configuration and what retention removed:
-- each row has a link when it is written, when it moves on and when it leaves, and each link carries the hash of the one
-- before, so that a row that was changed behind the triggers, or a link that was, is found and named.
-- Links are made when a transaction commits, so that nobody waits for another's work: a migration that writes to these
-- tables and then alters one of them runs SET CONSTRAINTS ALL IMMEDIATE in between.
-- What is there already is sealed as it is found. Reads those tables, writes usage.audit_chain and usage.lock.
-- Runs once; alembic keeps the record of that in usage.schema_version.

CREATE TABLE usage.audit_chain (
    seq         bigint PRIMARY KEY,                  -- without a gap
    at          timestamptz NOT NULL,
    table_name  text NOT NULL,
    row_key     text NOT NULL,                       -- the row's primary key, its parts joined by a slash
    digest      bytea,                               -- SHA-256 of what must not change any more; null: the row has left
    hash        bytea NOT NULL                       -- SHA-256 of the link with the hash before it
);
CREATE INDEX audit_chain_row ON usage.audit_chain (table_name, row_key, seq DESC);
COMMENT ON TABLE usage.audit_chain IS 'One link for each time that a row of the audit was written, moved on or left; each seals the one before';

INSERT INTO usage.lock (name) VALUES ('audit_chain');

CREATE FUNCTION usage.link_hash(previous bytea, seq bigint, at timestamptz, table_name text, row_key text, digest bytea)
RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(previous || convert_to(concat_ws('|', seq, extract(epoch FROM at), table_name, row_key, encode(digest, 'hex')),
                                         'UTF8'))
$$;

-- What of a row is sealed, by name: columns that are added later stay outside until their migration says otherwise. Times
-- stand in UTC, whatever the session's zone. What changes all the time (when an action was last looked at) is left out.
CREATE FUNCTION usage.digest_of(r usage.alert) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(convert_to(jsonb_build_array(r.alert_id, r.kind, r.budget_id, r.scope_value,
        r.period_start AT TIME ZONE 'UTC', r.period_end AT TIME ZONE 'UTC', r.tier, r.tier_on, r.round, r.level, r.facts,
        r.config_version, r.created_at AT TIME ZONE 'UTC')::text, 'UTF8'))
$$;
CREATE FUNCTION usage.digest_of(r usage.alert_delivery) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(convert_to(jsonb_build_array(r.delivery_id, r.attempt, r.alert_id, r.recipient, r.channel,
        r.started_at AT TIME ZONE 'UTC', r.finished_at AT TIME ZONE 'UTC', r.outcome, r.http_status, r.answer, r.retry_after_s,
        r.run_id, r.message_id)::text, 'UTF8'))
$$;
CREATE FUNCTION usage.digest_of(r usage.budget_override) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(convert_to(jsonb_build_array(r.override_id, r.budget_id, r.scope_value, r.scope_name, r.measure, r.raise_by,
        r.raise_percent, r.reason, r.state, r.requested_by, r.requested_at AT TIME ZONE 'UTC', r.until AT TIME ZONE 'UTC',
        r.decided_by, r.decided_at AT TIME ZONE 'UTC', r.closed_at AT TIME ZONE 'UTC')::text, 'UTF8'))
$$;
CREATE FUNCTION usage.digest_of(r usage.enforcement_action) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(convert_to(jsonb_build_array(r.action_id, r.cause, r.cause_key, r.alert_id, r.budget_id, r.scope_value,
        r.scope_name, r.rolling, r.period_start AT TIME ZONE 'UTC', r.period_end AT TIME ZONE 'UTC', r.tier, r.tier_on,
        r.round, r.level, r.measure, r."limit", r.action, r.source, r.tenant_id, r.app_id, r.target_name, r.place, r.mode,
        r.state, r.before, r.held, r.recipients, r.requested_at AT TIME ZONE 'UTC', r.requested_by,
        r.approve_until AT TIME ZONE 'UTC', r.decided_at AT TIME ZONE 'UTC', r.decided_by, r.began_at AT TIME ZONE 'UTC',
        r.applied_at AT TIME ZONE 'UTC', r.verified_at AT TIME ZONE 'UTC', r.release_at AT TIME ZONE 'UTC', r.release_why,
        r.release_by, r.released_at AT TIME ZONE 'UTC', r.config_version)::text, 'UTF8'))
$$;
CREATE FUNCTION usage.digest_of(r usage.config_version) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(convert_to(jsonb_build_array(r.version_id, r.hash, r.path, r.content, r.valid, r.error,
        r.loaded_at AT TIME ZONE 'UTC', r.changed_by, r.diff, r.activated_at AT TIME ZONE 'UTC',
        r.waits_since AT TIME ZONE 'UTC', r.confirmed_by)::text, 'UTF8'))
$$;
CREATE FUNCTION usage.digest_of(r usage.removed_history) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(convert_to(jsonb_build_array(r.removal_id, r.table_name, r.until AT TIME ZONE 'UTC', r.rows,
        r.at AT TIME ZONE 'UTC', r.by_whom, r.transaction::text)::text, 'UTF8'))
$$;

CREATE FUNCTION usage.add_link(of_table text, of_row text, digest bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
-- Adds a link to the end of the chain, which nobody else does until this transaction ends.
DECLARE
    last_seq bigint;
    last_hash bytea;
    moment timestamptz := clock_timestamp();
BEGIN
    PERFORM FROM usage.lock l WHERE l.name = 'audit_chain' FOR UPDATE;
    SELECT c.seq, c.hash INTO last_seq, last_hash FROM usage.audit_chain c ORDER BY c.seq DESC LIMIT 1;
    last_seq := coalesce(last_seq, 0) + 1;
    INSERT INTO usage.audit_chain (seq, at, table_name, row_key, digest, hash)
    VALUES (last_seq, moment, of_table, of_row, digest,
            usage.link_hash(coalesce(last_hash, ''), last_seq, moment, of_table, of_row, digest));
END
$$;
REVOKE EXECUTE ON FUNCTION usage.add_link(text, text, bytea) FROM PUBLIC;

CREATE FUNCTION usage.seal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
-- Links a row as it was written, moved on or left. The trigger's arguments are the columns of its key.
DECLARE
    document jsonb;
    digest bytea;
BEGIN
    IF TG_OP = 'DELETE' THEN
        document := to_jsonb(OLD);
    ELSE
        document := to_jsonb(NEW);
        digest := usage.digest_of(NEW);
        IF TG_OP = 'UPDATE' THEN
            IF digest = usage.digest_of(OLD) THEN
                RETURN NULL;
            END IF;
        END IF;
    END IF;
    PERFORM usage.add_link(
        TG_TABLE_NAME, document ->> TG_ARGV[0] || coalesce('/' || (document ->> TG_ARGV[1]), ''), digest);
    RETURN NULL;
END
$$;

DO $$
DECLARE
    sealed text;
    keys text;
BEGIN
    FOR sealed, keys IN VALUES ('config_version', $k$'version_id'$k$), ('alert', $k$'alert_id'$k$),
                               ('alert_delivery', $k$'delivery_id', 'attempt'$k$), ('budget_override', $k$'override_id'$k$),
                               ('enforcement_action', $k$'action_id'$k$), ('removed_history', $k$'removal_id'$k$)
    LOOP
        EXECUTE format('CREATE CONSTRAINT TRIGGER %I AFTER INSERT OR UPDATE OR DELETE ON usage.%I '
                       'DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION usage.seal(%s)',
                       sealed || '_sealed', sealed, keys);
    END LOOP;
END
$$;

CREATE TRIGGER audit_chain_history BEFORE UPDATE OR DELETE ON usage.audit_chain
    FOR EACH ROW EXECUTE FUNCTION usage.history_only();
CREATE TRIGGER audit_chain_whole BEFORE TRUNCATE ON usage.audit_chain
    FOR EACH STATEMENT EXECUTE FUNCTION usage.history_only();

DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT 'config_version' AS table_name, v.version_id::text AS row_key, usage.digest_of(v) AS digest, v.loaded_at AS at
        FROM usage.config_version v
        UNION ALL SELECT 'alert', a.alert_id, usage.digest_of(a), a.created_at FROM usage.alert a
        UNION ALL SELECT 'alert_delivery', t.delivery_id || '/' || t.attempt, usage.digest_of(t), t.started_at
                  FROM usage.alert_delivery t
        UNION ALL SELECT 'budget_override', o.override_id, usage.digest_of(o), o.requested_at FROM usage.budget_override o
        UNION ALL SELECT 'enforcement_action', e.action_id, usage.digest_of(e), e.requested_at FROM usage.enforcement_action e
        ORDER BY at, table_name, row_key
    LOOP
        PERFORM usage.add_link(found.table_name, found.row_key, found.digest);
    END LOOP;
END
$$;
