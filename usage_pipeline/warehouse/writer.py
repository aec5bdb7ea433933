"""The rights of a role that runs passes and owns nothing: it writes what a pass writes, and switches no guard off."""

from collections.abc import Mapping

from psycopg import sql

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import value, values

# History: rows are added, and these columns of theirs move forward.
_FORWARD: Mapping[str, tuple[str, ...]] = {
    "acknowledgement": (),
    "alert": ("resolved_at",),
    "alert_delivery": ("finished_at", "outcome", "http_status", "answer", "retry_after_s"),
    "alert_event": (),
    "budget_event": (),
    "budget_lock": ("unlocked_at", "unlocked_why"),
    "budget_override": ("state", "decided_by", "decided_known_by", "decided_at", "closed_at"),
    "config_version": (
        "last_seen_at", "last_seen_path", "activated_at", "waits_since", "passes_seen", "last_seen_pass",
        "confirmed_by",
    ),
    "delivery": (
        "state", "attempts", "next_attempt_at", "leased_until", "leased_by", "finished_at", "message_id", "held_until",
        "reason", "fallback_for",
    ),
    "enforcement_action": (
        "state", "before", "held", "decided_at", "decided_by", "began_at", "applied_at", "verified_at", "looked_at",
        "release_at", "release_why", "release_by", "released_at", "attempts", "next_attempt_at", "answer",
    ),
    "enforcement_event": (),
    "enforcement_plan": ("outcome",),
    "resolution": (),
    "restore": ("accepted_at", "accepted_by"),
    "sent_before_restore": (),
    "silence": ("ends_at", "ended_by", "ended_known_by"),
    "used_form": (),
}  # fmt: skip
# Written by functions of the owner's alone.
_READ_ONLY = ("audit_chain", "removed_history", "schema_version", "warehouse")
_TABLES = "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'usage'::regnamespace AND c.relkind = 'r'"
_MAY_READ_ALL = (
    "SELECT bool_and(has_table_privilege(%s, c.oid, 'SELECT')) FROM pg_class c"
    " WHERE c.relnamespace = 'usage'::regnamespace AND c.relkind = 'r'"
)
_BEHIND_POLICIES = _TABLES + " AND c.relrowsecurity"
# As pg_proc shows them: what a pass needs although readers may not take it (reader_limits.py).
_ADVISORY = (
    "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace"
    " AND p.proname ~ '^pg_(try_)?advisory_' AND has_function_privilege(p.oid, 'EXECUTE WITH GRANT OPTION')"
)


def owns_tables(connection: Connection) -> bool:
    """Whether the connection's role owns the warehouse's tables, or may do all that their owner may."""
    query = "SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = 'usage.alert'::regclass"
    return value(connection, bool, query)


def may_write(connection: Connection, role: str) -> bool:
    """Whether a role, which there is, was given the rights of a writer on every table that there is by now."""
    return value(connection, bool, _MAY_READ_ALL, [role])


def role_exists(connection: Connection, role: str) -> bool:
    """Whether the server has a role of that name."""
    return value(connection, bool, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", [role])


def grant_writer(connection: Connection, role: str) -> None:
    """Gives a role what a pass needs, and takes from it what it does not. Safe to run twice.

    The connection is the owner's. Raises psycopg.Error when there is no such role, or the owner may not.
    """
    name = sql.Identifier(role)
    with connection.transaction():
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA usage TO {}").format(name))
        connection.execute(sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA usage FROM {}").format(name))
        connection.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA usage TO {}").format(name))
        for table in values(connection, str, _TABLES):
            _grant_on(connection, table, name)
        for table in values(connection, str, _BEHIND_POLICIES):
            _see_every_row(connection, table, name)
        remove = "GRANT EXECUTE ON FUNCTION usage.remove_alerts(timestamptz, integer) TO {}"
        connection.execute(sql.SQL(remove).format(name))
        for signature in values(connection, str, _ADVISORY):
            connection.execute(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(sql.SQL(signature), name))
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(database, name))


def _grant_on(connection: Connection, table: str, name: sql.Identifier) -> None:
    if table in _READ_ONLY:
        return
    on = sql.Identifier("usage", table)
    forward = _FORWARD.get(table)
    rights = "INSERT, UPDATE, DELETE" if forward is None else "INSERT"
    connection.execute(sql.SQL(f"GRANT {rights} ON {{}} TO {{}}").format(on, name))
    if forward:
        columns = sql.SQL(", ").join(map(sql.Identifier, forward))
        connection.execute(sql.SQL("GRANT UPDATE ({}) ON {} TO {}").format(columns, on, name))


def _see_every_row(connection: Connection, table: str, name: sql.Identifier) -> None:
    """Row-level security is for readers; whoever is not the owner is under it."""
    on = sql.Identifier("usage", table)
    connection.execute(sql.SQL("DROP POLICY IF EXISTS writer ON {}").format(on))
    connection.execute(sql.SQL("CREATE POLICY writer ON {} TO {} USING (true) WITH CHECK (true)").format(on, name))
