"""Reads a Dify database on PostgreSQL in short transactions that cannot write, and fails in words."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import psycopg
from psycopg import ClientCursor
from psycopg.pq import TransactionStatus

from usage_pipeline.sources.base import SourceError, SourceInterruptedError
from usage_pipeline.sources.cut_reads import explain_cut, was_cut
from usage_pipeline.sources.replica import Replica
from usage_pipeline.sources.replica_postgres import Replay, postgres_replica
from usage_pipeline.sources.watchdog import end_reading_with, heard_from_source
from usage_pipeline.warehouse.connection import Connection, hang_up, with_addresses, without_password
from usage_pipeline.warehouse.pooler import Pooling, pooling_of
from usage_pipeline.warehouse.rows import rows, values
from usage_pipeline.warehouse.statements import statement

_CONNECT_SECONDS = 10


class PostgresReader:
    """A connection that reads in transactions of their own; one that the server ended is opened again."""

    def __init__(self, url: str, *, statement_timeout: timedelta) -> None:
        """Connects. Raises SourceError that says what is wrong and what to do, without the password."""
        self._url, self._timeout = url, statement_timeout
        self._connection = connect_read_only(url)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Begins a transaction that can only read and gives up on slow statements; it ends with the block.

        Nothing that it sets outlives it, so that it may share its sessions with others behind a pooler.
        Raises SourceInterruptedError when the server cut the read for reasons of its own.
        """
        if self._connection.closed:
            self._connection = connect_read_only(self._url)
        connection = self._connection
        milliseconds = int(self._timeout.total_seconds() * 1000)
        try:
            connection.execute(statement("sources/dify_postgres/limits"), {"statement_timeout": milliseconds})
            yield connection
            connection.commit()
        except psycopg.errors.ProtocolViolation as error:
            text = str(error).splitlines()[0]
            raise SourceError(f"{text}; a pooler must lend a session for a transaction at least (pool_mode)") from None
        except psycopg.OperationalError as error:
            # The block works in the warehouse, too: whose error it is, this side's state tells.
            if connection.closed or (was_cut(error) and _has_failed(connection)):
                raise SourceInterruptedError(explain_cut(error)) from None
            raise
        finally:
            with suppress(psycopg.OperationalError):
                connection.rollback()

    def replica(self) -> Replica | None:
        """Returns how far a replica has replayed; None when the server follows no other."""
        return postgres_replica(self._look_at_replay)

    def pooling(self) -> Pooling:
        """Returns whether a pooler stands before the server, and how it lends its sessions."""
        return pooling_of(self._connection, lambda: connect_read_only(self._url))

    def _look_at_replay(self) -> Replay:
        with self.reading() as connection:
            (found,) = rows(connection, Replay, statement("sources/replica_postgres"))
        return found

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


def connect_read_only(url: str) -> Connection:
    """Returns a connection whose every transaction is READ ONLY; none is in autocommit. Sets nothing in the session.

    Raises SourceError that says what is wrong and what to do, without the password.
    """
    try:
        connection = psycopg.connect(
            with_addresses(url),
            cursor_factory=ClientCursor,
            prepare_threshold=None,
            application_name="usage-pipeline (read-only)",
            connect_timeout=_CONNECT_SECONDS,
            client_encoding="UTF8",
        )
    except psycopg.OperationalError as error:
        raise SourceError(explain_connection_error(without_password(str(error), url))) from None
    connection.read_only = True
    end_reading_with(lambda: hang_up(connection))
    heard_from_source()
    return connection


def _has_failed(connection: Connection) -> bool:
    return connection.info.transaction_status == TransactionStatus.INERROR


def explain_connection_error(text: str) -> str:
    """Returns what is wrong with a connection and what to do, in words, from libpq's text without the password."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and "Is the server running" not in line]
    text = lines[-1] if lines else "the connection failed"
    advice = "check the host, the port and that the server runs and lets this machine in (pg_hba.conf, firewall)"
    if "password authentication failed" in text or "no password supplied" in text:
        advice = "the user or its password is wrong: check them in the URL (special characters must be %-encoded)"
    elif "does not exist" in text and "database" in text:
        advice = "the database name in the URL is wrong; Dify's is 'dify' unless DB_DATABASE says otherwise"
    elif "does not exist" in text:
        advice = "create the role (README, 'Connect a real Dify') or correct the user in the URL"
    elif "could not translate host name" in text or "Name or service not known" in text:
        advice = "the host name in the URL cannot be resolved from this machine"
    elif "unsupported startup parameter" in text:
        advice = (
            "a pooler stands before the server: take `options` out of the URL, ours are set within each transaction"
        )
    elif text.startswith("the URL "):
        return f"cannot connect to Dify's database: {text}"
    return f"cannot connect to Dify's database: {text}; {advice}"


def writable_tables(connection: Connection) -> list[str]:
    """Returns the tables of Dify that the session's role may change; a reader's list is empty."""
    return values(connection, str, statement("sources/dify_postgres/writable_tables"))
