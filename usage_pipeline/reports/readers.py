"""PostgreSQL roles that see one tenant's rows of the warehouse, for Grafana and for people with SQL."""

import secrets
from dataclasses import dataclass

import psycopg
from psycopg import sql

from usage_pipeline.inputs import InputError
from usage_pipeline.reports.document import Tenant
from usage_pipeline.reports.files import file_name
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.reader_limits import keep_from_public, let_us_end_sessions, limit_readers

_LONGEST = 63  # PostgreSQL's own limit for names
_CONNECTIONS = 10


class ReaderError(InputError):
    """The role could not be made or removed; the text says what to do."""


@dataclass(frozen=True)
class Reader:
    """A role that can log in; `password` is there only when it was set just now, and is kept nowhere."""

    role: str
    tenant: Tenant
    password: str | None
    tables: tuple[str, ...]


def grant_reader(connection: Connection, tenant: Tenant, *, new_password: bool = False) -> Reader:
    """Makes the tenant's reader role, or brings its rights up to date. Safe to run twice: the password then stays.

    It may SELECT from exactly those tables of schema usage that have a policy `reader`; rows of others stay unseen.
    Raises ReaderError when the warehouse's own role may not make roles.
    """
    role = role_of(tenant)
    name = sql.Identifier(role)
    try:
        with connection.transaction():
            new = not _exists(connection, role)
            password = secrets.token_urlsafe(24) if new or new_password else None
            if new:
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN NOINHERIT CONNECTION LIMIT {}").format(name, _CONNECTIONS)
                )
            if password:
                connection.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, _hashed(connection, role, password))
                )
            limit_readers(connection, [role])
            tables = _readable(connection)
            _take_all(connection, name)
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA usage TO {}").format(name))
            for table in tables:
                connection.execute(sql.SQL("GRANT SELECT ON usage.{} TO {}").format(sql.Identifier(table), name))
            connection.execute("DELETE FROM usage.reader WHERE role_name = %s", [role])
            connection.execute(
                "INSERT INTO usage.reader (role_name, source, tenant_id) VALUES (%s, %s, %s)",
                [role, tenant.source, tenant.tenant_id],
            )
    except psycopg.errors.InsufficientPrivilege as error:
        raise ReaderError(_not_allowed(connection)) from error
    keep_from_public(connection)
    let_us_end_sessions(connection, role)
    return Reader(role, tenant, password, tuple(tables))


def revoke_reader(connection: Connection, tenant: Tenant) -> bool:
    """Removes the role and its rights; False when there was none."""
    role = role_of(tenant)
    try:
        with connection.transaction():
            connection.execute("DELETE FROM usage.reader WHERE role_name = %s", [role])
            if not _exists(connection, role):
                return False
            _take_all(connection, sql.Identifier(role))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
    except psycopg.errors.InsufficientPrivilege as error:
        raise ReaderError(_not_allowed(connection)) from error
    return True


def role_of(tenant: Tenant) -> str:
    """The role's name: readable, and never the same for two tenants."""
    words = file_name(tenant.name, f"{tenant.source}/{tenant.tenant_id}").lower().replace("-", "_")
    plain = "".join(c if c.isascii() else "_" for c in words)
    return f"usage_reader_{plain[-(_LONGEST - 13) :]}"


def _hashed(connection: Connection, role: str, password: str) -> str:
    """Hashed on this side, so that a server that logs its statements does not log the password."""
    hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    return hashed.decode()


def _exists(connection: Connection, role: str) -> bool:
    return connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is not None


def _take_all(connection: Connection, name: sql.Identifier) -> None:
    connection.execute(sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA usage FROM {}").format(name))
    connection.execute(sql.SQL("REVOKE ALL ON SCHEMA usage FROM {}").format(name))


def _readable(connection: Connection) -> list[str]:
    """Tables with row-level security switched on and our policy: without both, nothing would hide others' rows."""
    rows = connection.execute(
        "SELECT c.relname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid"
        " WHERE p.polname = 'reader' AND c.relrowsecurity AND c.relnamespace = 'usage'::regnamespace ORDER BY 1"
    )
    return [str(name) for (name,) in rows]


def _not_allowed(connection: Connection) -> str:
    user = connection.info.user
    return f"the warehouse's role {user!r} may not make roles; a superuser can allow it: ALTER ROLE {user} CREATEROLE"
