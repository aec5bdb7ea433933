"""A session on a Dify database on PostgreSQL that can only read, and fails in words."""

from datetime import timedelta

import psycopg
from psycopg import ClientCursor

from usage_pipeline.sources.base import SourceError
from usage_pipeline.sources.watchdog import end_reading_with, heard_from_source
from usage_pipeline.warehouse.connection import Connection, hang_up, with_addresses
from usage_pipeline.warehouse.rows import values
from usage_pipeline.warehouse.statements import statement

_CONNECT_SECONDS = 10


def connect_read_only(url: str, *, statement_timeout: timedelta) -> Connection:
    """Returns a session that refuses to write, reads times as UTC and gives up on slow statements.

    Raises SourceError that says what is wrong and what to do, without the password.
    """
    try:
        connection = psycopg.connect(
            with_addresses(url),
            autocommit=True,
            cursor_factory=ClientCursor,
            application_name="usage-pipeline (read-only)",
            connect_timeout=_CONNECT_SECONDS,
            client_encoding="UTF8",
        )
        end_reading_with(lambda: hang_up(connection))
        connection.execute(
            statement("sources/dify_postgres/session"),
            {"statement_timeout": int(statement_timeout.total_seconds() * 1000)},
        )
    except psycopg.OperationalError as error:
        raise SourceError(explain_connection_error(error)) from None
    heard_from_source()
    return connection


def explain_connection_error(error: psycopg.OperationalError) -> str:
    """Returns what is wrong with a connection and what to do, in words; libpq's text holds no password."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and "Is the server running" not in line]
    text = lines[-1] if lines else type(error).__name__
    advice = "check the host, the port and that the server runs and lets this machine in (pg_hba.conf, firewall)"
    if "password authentication failed" in text or "no password supplied" in text:
        advice = "the user or its password is wrong: check them in the URL (special characters must be %-encoded)"
    elif "does not exist" in text and "database" in text:
        advice = "the database name in the URL is wrong; Dify's is 'dify' unless DB_DATABASE says otherwise"
    elif "does not exist" in text:
        advice = "create the role (README, 'Connect a real Dify') or correct the user in the URL"
    elif "could not translate host name" in text or "Name or service not known" in text:
        advice = "the host name in the URL cannot be resolved from this machine"
    elif text.startswith("the URL "):
        return f"cannot connect to Dify's database: {text}"
    return f"cannot connect to Dify's database: {text}; {advice}"


def writable_tables(connection: Connection) -> list[str]:
    """Returns the tables of Dify that the session's role may change; a reader's list is empty."""
    return values(connection, str, statement("sources/dify_postgres/writable_tables"))
