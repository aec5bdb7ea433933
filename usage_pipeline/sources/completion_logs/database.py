"""A session to the database of a completion log that can only read: SQLite, PostgreSQL, MySQL or MariaDB."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pymysql
import sqlalchemy as sa
from psycopg.abc import Buffer
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader
from pymysql.cursors import Cursor
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from usage_pipeline.sources.base import SourceError, SourceInterruptedError
from usage_pipeline.sources.cut_reads import explain_cut, was_cut
from usage_pipeline.sources.mysql_url import (
    LOG_ON_MYSQL,
    explain_mysql_error,
    is_mysql_url,
    mysql_advice,
    mysql_arguments,
)
from usage_pipeline.sources.watchdog import end_reading_with, heard_from_source
from usage_pipeline.warehouse.connection import UnreachableError, hang_up, with_addresses, without_password
from usage_pipeline.warehouse.statements import statement

_CONNECT_SECONDS = 10


class _AnyTimestamp(TimestampLoader):
    """A time that Python has none for (infinity, before Christ) comes as its text: only its own row is unreadable."""

    of = "timestamp"

    def load(self, data: Buffer) -> Any:
        """Returns a datetime, else the text."""
        return _loaded(super().load, data)


class _AnyTimestamptz(TimestamptzLoader):
    """The same with a zone."""

    of = "timestamptz"

    def load(self, data: Buffer) -> Any:
        """Returns a datetime, else the text."""
        return _loaded(super().load, data)


class _AnyDate(DateLoader):
    """The same without a time of day."""

    of = "date"

    def load(self, data: Buffer) -> Any:
        """Returns a date, else the text."""
        return _loaded(super().load, data)


def _loaded(load: Callable[[Buffer], object], data: Buffer) -> object:
    try:
        return load(data)
    except psycopg.DataError:
        return bytes(data).decode()


@contextmanager
def in_words(doing: str) -> Iterator[None]:
    """Turns the errors of the block into one SourceError in words, without statement, parameters or password."""
    try:
        yield
    except DBAPIError as error:
        cause = error.orig or error
        if error.connection_invalidated or was_cut(cause):
            raise SourceInterruptedError(f"{doing}: {explain_cut(cause)}") from None
        raise SourceError(f"{doing}: {_first_line(cause)}") from None
    except (SQLAlchemyError, psycopg.Error, pymysql.Error, sqlite3.Error, OSError) as error:
        if was_cut(error):
            raise SourceInterruptedError(f"{doing}: {explain_cut(error)}") from None
        raise SourceError(f"{doing}: {_first_line(error)}") from None


def connect_to_log(url: str, statement_timeout: timedelta) -> sa.Connection:
    """Connects. Raises SourceError that says what is wrong and what to do, without the password."""
    seconds = int(statement_timeout.total_seconds())
    with in_words("cannot connect to the log's database; check the URL, the host, the port and the rights"):
        connection = _engine(url, seconds).connect()
        if connection.dialect.name in ("mysql", "mariadb"):
            connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
            _limit_statements(connection, seconds)
    heard_from_source()
    return connection


def _engine(url: str, seconds: int) -> sa.Engine:
    if is_mysql_url(url):
        return _mysql(url, seconds)
    kind = url.strip().partition(":")[0].partition("+")[0].lower()
    if kind in ("postgresql", "postgres"):
        return _postgres(url, seconds)
    try:
        place = sa.make_url(url)
    except (SQLAlchemyError, ValueError):
        raise SourceError(
            "the URL of the log cannot be read; write sqlite:///path, postgresql:// or mysql://"
        ) from None
    kind = place.get_backend_name()
    if kind != "sqlite":
        raise SourceError(f"a log in {kind} cannot be read; it can in SQLite, PostgreSQL, MySQL and MariaDB")
    return _sqlite(place.database)


def _postgres(url: str, seconds: int) -> sa.Engine:
    def connect() -> "psycopg.Connection[tuple[object, ...]]":
        try:
            connection = psycopg.connect(
                with_addresses(url),
                connect_timeout=_CONNECT_SECONDS,
                application_name="usage-pipeline (read-only)",
                # What is prepared stays with the server's session, which a pooler gives to others.
                prepare_threshold=None,
            )
        except psycopg.OperationalError as error:
            raise UnreachableError(without_password(str(error), url)) from None
        connection.read_only = True
        end_reading_with(lambda: hang_up(connection))
        for loader in (_AnyTimestamp, _AnyTimestamptz, _AnyDate):
            connection.adapters.register_loader(loader.of, loader)
        return connection

    def limit(connection: sa.Connection) -> None:
        """Begins each transaction with its limits: a session's own would be another client's behind a pooler."""
        session = connection.connection.driver_connection
        if isinstance(session, psycopg.Connection):
            with psycopg.ClientCursor(session) as cursor:
                cursor.execute(
                    statement("sources/completion_logs/postgres_limits"), {"statement_timeout": seconds * 1000}
                )

    engine = sa.create_engine("postgresql+psycopg://", creator=connect, poolclass=sa.StaticPool)
    sa.event.listen(engine, "begin", limit)
    return engine


def _mysql(url: str, seconds: int) -> sa.Engine:
    arguments = mysql_arguments(url, LOG_ON_MYSQL)

    def connect() -> "pymysql.Connection[Cursor]":
        try:
            return pymysql.connect(
                **arguments,
                charset="utf8mb4",
                init_command="SET time_zone = '+00:00'",
                connect_timeout=_CONNECT_SECONDS,
                # Every wait has its limit, so nothing need be cut from outside.
                read_timeout=seconds + 5,
                write_timeout=seconds + 5,
            )
        except (RuntimeError, ValueError) as error:
            raise SourceError(explain_mysql_error(error, LOG_ON_MYSQL)) from None

    return sa.create_engine("mysql+pymysql://", creator=connect, poolclass=sa.StaticPool)


def _limit_statements(connection: sa.Connection, seconds: int) -> None:
    """MariaDB and MySQL have a variable each; an old server that has neither is held by our own time limit."""
    for limit in (f"max_statement_time = {seconds}", f"max_execution_time = {seconds * 1000}"):
        try:
            connection.exec_driver_sql(f"SET SESSION {limit}")
        except DBAPIError:
            continue
        finally:
            connection.rollback()
        return


def _sqlite(path: str | None) -> sa.Engine:
    if not path or path == ":memory:":
        raise SourceError("the URL names no file; write sqlite:////absolute/path/to/log.db")
    if not Path(path).is_file():
        raise SourceError(f"there is no file {path}; correct the path in the URL (sqlite:////absolute/path)")

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(Path(path).resolve()))}?mode=ro", uri=True, timeout=5, check_same_thread=False
        )
        connection.text_factory = lambda raw: raw.decode(errors="replace")
        end_reading_with(connection.interrupt)
        return connection

    return sa.create_engine("sqlite://", creator=connect, poolclass=sa.StaticPool)


def _first_line(error: BaseException) -> str:
    if isinstance(error, psycopg.errors.QueryCanceled):
        return "a statement took too long: raise lookback.statement_timeout_seconds, or give the time an index"
    if isinstance(error, pymysql.Error) and len(error.args) > 1:
        advice = mysql_advice(error.args[0], LOG_ON_MYSQL)
        return f"{error.args[1]}; {advice}" if advice else str(error.args[1])
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return f"{str(error).splitlines()[0]}; grant SELECT on it, or on the columns that are read, to the role"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
