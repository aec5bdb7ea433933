"""Brings the warehouse's schema up to date."""

from datetime import timedelta
from functools import cache
from pathlib import Path

import psycopg

from usage_pipeline.settings.environment import variable
from usage_pipeline.warehouse.connection import connected, plain_url, url_parts
from usage_pipeline.warehouse.reader_limits import end_long_sessions
from usage_pipeline.warehouse.statements import newest_migration
from usage_pipeline.warehouse.writer import grant_writer, may_write, role_exists

_OLDEST_SERVER = 140000
# One number for the whole project: whoever migrates holds this lock, everyone else waits for it.
_MIGRATION_LOCK = 7_215_001


class WarehouseError(Exception):
    """The warehouse cannot be used as it is; the text says what to do."""


def schema_revision(url: str) -> str | None:
    """Returns the migration that ran last, or None in an empty database."""
    with connected(url) as connection:
        row = connection.execute("SELECT to_regclass('usage.schema_version') IS NOT NULL").fetchone()
        if not row or not row[0]:
            return None
        version = connection.execute("SELECT version_num FROM usage.schema_version").fetchone()
        return str(version[0]) if version else None


def migrate(url: str) -> str:
    """Runs the migrations that are missing, forward only; two processes may do it at once. Returns the revision.

    Where the role of WAREHOUSE_URL owns nothing, the role of WAREHOUSE_OWNER_URL migrates and gives it its rights.
    Raises WarehouseError when the server is older than PostgreSQL 14 or newer software has migrated it, psycopg.Error
    when it cannot be reached, may not be written or goes away: nothing of a migration that did not end is kept.
    """
    newest = newest_migration()
    owner = _owner_of(url)
    current = schema_revision(owner)
    if current == newest:
        _let_write(owner, url)
        return newest
    if current is not None and current > newest:
        raise WarehouseError(
            f"the warehouse is at schema {current}, this installation knows {newest}: "
            "it was migrated by a newer usage-pipeline; upgrade this installation"
        )
    _run_alembic(owner)
    _let_write(owner, url)
    return newest


@cache
def migrate_once(url: str) -> None:
    """The same, once a process: for those who open many connections. Raises WarehouseError as often as asked."""
    migrate(url)


def _owner_of(url: str) -> str:
    """The URL by which the warehouse is migrated: its owner's where there is one beside the URL of who runs passes."""
    owner = variable("WAREHOUSE_OWNER_URL")
    return owner if owner and plain_url(url) == plain_url(variable("WAREHOUSE_URL")) else url


def _let_write(owner: str, url: str) -> None:
    """Gives who runs passes its rights, where it is not the owner and has not got them yet."""
    if owner == url:
        return
    role = str(url_parts(url).get("user") or "")
    with connected(owner) as connection:
        if not role_exists(connection, role):
            raise WarehouseError(
                f"the role {role!r} of WAREHOUSE_URL is not there: make it by CREATE ROLE (docs/operations.md)"
            )
        if not may_write(connection, role):
            grant_writer(connection, role)


def _end_sessions_of_readers(connection: object) -> None:
    """A reader's open transaction would hold up the migration, and all that waits behind it."""
    if not isinstance(connection, psycopg.Connection):
        return
    known = connection.execute("SELECT to_regclass('usage.reader') IS NOT NULL").fetchone()
    if known and known[0]:
        end_long_sessions(connection, timedelta(0))


def _run_alembic(url: str) -> None:
    import sqlalchemy  # noqa: PLC0415  (only a migration needs these two, and they are slow to import)
    from alembic import command, config  # noqa: PLC0415

    # libpq reads the URL, as for every other connection: it knows forms that SQLAlchemy does not.
    engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(plain_url(url)))
    settings = config.Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    try:
        with engine.begin() as connection:
            version = connection.connection.driver_connection
            if isinstance(version, psycopg.Connection) and version.info.server_version < _OLDEST_SERVER:
                raise WarehouseError("the warehouse needs PostgreSQL 14 or later; this server is older")
            connection.execute(sqlalchemy.text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
            connection.execute(sqlalchemy.text("CREATE SCHEMA IF NOT EXISTS usage"))
            settings.attributes["connection"] = connection
            _end_sessions_of_readers(connection.connection.driver_connection)
            command.upgrade(settings, "head")
    except sqlalchemy.exc.DBAPIError as error:
        raise (error.orig if isinstance(error.orig, psycopg.Error) else error) from None
    finally:
        engine.dispose()
