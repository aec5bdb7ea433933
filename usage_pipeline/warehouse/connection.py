"""Opens connections to the warehouse."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import ClientCursor

Connection = psycopg.Connection[tuple[object, ...]]


def plain_url(url: str) -> str:
    """The URL without SQLAlchemy's driver name, as libpq reads it."""
    return re.sub(r"^postgres(ql)?\+\w+://", "postgresql://", url)


def connect(url: str, *, application_name: str = "usage-pipeline") -> Connection:
    """A connection in autocommit whose work is grouped by ``with connection.transaction()``; times are UTC.

    Parameters are merged on this side (ClientCursor), so that one SQL file may hold several statements.
    Raises psycopg.OperationalError when the server cannot be reached.
    """
    connection = psycopg.connect(
        plain_url(url),
        autocommit=True,
        cursor_factory=ClientCursor,
        application_name=application_name,
        connect_timeout=10,
    )
    connection.execute("SET TimeZone = 'UTC'; SET jit = off; SET client_min_messages = warning")
    return connection


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection that is closed at the end of the block."""
    connection = connect(url)
    try:
        yield connection
    finally:
        connection.close()
