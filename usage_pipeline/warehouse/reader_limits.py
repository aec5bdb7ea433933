"""What logins of readers may take of the server: limits that they cannot raise, and nothing but reading.

A login can take off its own settings; they are set again at each pass, and sessions that go beyond are ended.
"""

from collections.abc import Sequence
from datetime import timedelta

import psycopg
from psycopg import sql

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import value, values
from usage_pipeline.warehouse.statements import statement

LONGEST = timedelta(seconds=90)
_SETTINGS = (
    "default_transaction_read_only=on",
    "idle_in_transaction_session_timeout=60s",
    "lock_timeout=5s",
    "statement_timeout=60s",
)
_OF_DATABASES = (
    "SELECT d.datname::text FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole"
    " JOIN pg_database d ON d.oid = s.setdatabase WHERE r.rolname = %(role)s"
)
_TEMPORARY = (
    "SELECT EXISTS (SELECT FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a"
    " WHERE d.datname = current_database() AND a.grantee = 0 AND a.privilege_type = 'TEMPORARY')"
)


def keep_from_public(connection: Connection) -> None:
    """Takes from PUBLIC in this database what reading does not need: advisory locks, large objects, temporary tables.

    Our own role, and the owner of the tables, keep all of it. What this role may not take is left, and said by
    ``open_to_public``.
    """
    query = "SELECT relowner::regrole::text FROM pg_class WHERE oid = 'usage.lock'::regclass"
    owner = value(connection, str, query)
    own = sql.SQL("CURRENT_USER, {}").format(sql.SQL(owner))
    for signature in values(connection, str, statement("warehouse/open_functions")):
        function = sql.SQL(signature)  # as pg_proc shows it: no text from outside
        _try(
            connection,
            sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(function, own),
            sql.SQL("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC").format(function),
        )
    database = sql.Identifier(connection.info.dbname)
    _try(
        connection,
        sql.SQL("GRANT TEMPORARY ON DATABASE {} TO {}").format(database, own),
        sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(database),
    )


def open_to_public(connection: Connection) -> list[str]:
    """Returns in words what readers could still take, for whoever may take it from PUBLIC."""
    functions, found = values(connection, str, statement("warehouse/open_functions")), []
    if any("advisory" in name for name in functions):
        found.append("take advisory locks")
    if any("advisory" not in name for name in functions):
        found.append("write large objects")
    return found + (["make temporary tables"] if value(connection, bool, _TEMPORARY) else [])


def limit_readers(connection: Connection, roles: Sequence[str]) -> None:
    """Sets the limits of these roles again where their logins changed them, also for single databases."""
    for role in roles:
        ours = {"role": role, "settings": sorted(_SETTINGS)}
        if value(connection, bool, statement("warehouse/reader_is_limited"), ours):
            continue
        name = sql.Identifier(role)
        _try(
            connection,
            *(
                sql.SQL("ALTER ROLE {} IN DATABASE {} RESET ALL").format(name, sql.Identifier(database))
                for database in values(connection, str, _OF_DATABASES, {"role": role})
            ),
            sql.SQL("ALTER ROLE {} RESET ALL").format(name),
            *(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), sql.Literal(given))
                for setting, given in (each.split("=") for each in _SETTINGS)
            ),
        )


def end_long_sessions(connection: Connection, longest: timedelta = LONGEST) -> int:
    """Ends sessions of readers that run or hold a transaction longer, or hold an advisory lock; returns how many."""
    ended = 0
    for pid in values(connection, int, statement("warehouse/long_reader_sessions"), {"longest": longest}):
        try:
            ended += bool(value(connection, bool, "SELECT pg_terminate_backend(%s)", [pid]))
        except psycopg.errors.InsufficientPrivilege:
            return ended
    return ended


def let_us_end_sessions(connection: Connection, role: str) -> None:
    """Makes our role a member of the reader's, whose sessions it may then end; a superuser may anyway."""
    if not value(connection, bool, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        own = sql.Identifier(connection.info.user)
        _try(connection, sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), own))


def keep_readers_in_bounds(connection: Connection) -> None:
    """Does both for every reader there is: part of each pass. A database without readers costs one look."""
    roles = values(
        connection,
        str,
        "SELECT DISTINCT r.role_name FROM usage.reader r JOIN pg_roles p ON p.rolname = r.role_name ORDER BY 1",
    )
    if roles:
        end_long_sessions(connection)
        limit_readers(connection, roles)


def _try(connection: Connection, *statements: sql.Composed) -> bool:
    """All or nothing; False where our role may not."""
    try:
        with connection.transaction():
            for each in statements:
                connection.execute(each)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True
