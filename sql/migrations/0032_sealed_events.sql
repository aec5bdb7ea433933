-- The chain seals what happened to budgets, alerts and actions, silences and locks as well: until here triggers alone kept them.
-- What is there already is sealed as it is found: a second for 10,000 rows. Reads those tables, writes usage.audit_chain.
-- Runs once; alembic keeps the record of that in usage.schema_version.

CREATE FUNCTION usage.digest_of(r usage.budget_event) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(convert_to(jsonb_build_array(r.event_id, r.at AT TIME ZONE 'UTC', r.budget_id, r.scope_value, r.kind, r.by,
        r.about, r.detail, r.period_start AT TIME ZONE 'UTC', r.tier_on, r.tier_at, r.level, r.measure, r.spent, r."limit",
        r.config_version, r.known_by)::text, 'UTF8'))
$$;
CREATE FUNCTION usage.digest_of(r usage.alert_event) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(convert_to(jsonb_build_array(r.event_id, r.at AT TIME ZONE 'UTC', r.alert_id, r.delivery_id, r.what,
        r.from_state, r.attempt, r.recipient, r.channel, r.detail, r.by_whom, r.config_version, r.known_by)::text, 'UTF8'))
$$;
CREATE FUNCTION usage.digest_of(r usage.enforcement_event) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(convert_to(jsonb_build_array(r.event_id, r.action_id, r.at AT TIME ZONE 'UTC', r.kind, r.by, r.detail,
        r.run_id, r.known_by)::text, 'UTF8'))
$$;
CREATE FUNCTION usage.digest_of(r usage.silence) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(convert_to(jsonb_build_array(r.silence_id, r.budget, r.scope, r.below, r.emergencies,
        r.starts_at AT TIME ZONE 'UTC', r.ends_at AT TIME ZONE 'UTC', r.reason, r.made_by, r.ended_by,
        r.created_at AT TIME ZONE 'UTC', r.known_by, r.ended_known_by)::text, 'UTF8'))
$$;
CREATE FUNCTION usage.digest_of(r usage.budget_lock) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(convert_to(jsonb_build_array(r.budget_id, r.scope_value, r.locked_at AT TIME ZONE 'UTC', r.scope_name,
        r.scope, r.period_start AT TIME ZONE 'UTC', r.period_end AT TIME ZONE 'UTC', r.tier, r."limit",
        r.unlocked_at AT TIME ZONE 'UTC', r.unlocked_why, r.lock_name)::text, 'UTF8'))
$$;

DO $$
DECLARE
    sealed text;
    key text;
    found record;
BEGIN
    FOR sealed, key IN VALUES ('budget_event', 'event_id'), ('alert_event', 'event_id'), ('enforcement_event', 'event_id'),
                              ('silence', 'silence_id'), ('budget_lock', 'lock_name')
    LOOP
        EXECUTE format('CREATE CONSTRAINT TRIGGER %I AFTER INSERT OR UPDATE OR DELETE ON usage.%I '
                       'DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION usage.seal(%L)',
                       sealed || '_sealed', sealed, key);
        FOR found IN EXECUTE format('SELECT r.%I::text AS row_key, usage.digest_of(r) AS digest FROM usage.%I r ORDER BY r.%I',
                                    key, sealed, key)
        LOOP
            PERFORM usage.add_link(sealed, found.row_key, found.digest);
        END LOOP;
    END LOOP;
END
$$;

COMMENT ON FUNCTION usage.seal() IS 'Links a row of the audit as it was written, moved on or left';
