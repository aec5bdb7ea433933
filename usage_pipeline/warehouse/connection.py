"""Opens connections to the warehouse."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import ClientCursor
from psycopg.conninfo import conninfo_to_dict, make_conninfo

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


def address_of(connection: Connection) -> str:
    """What opens one more session where this one goes. It holds the password: never show it."""
    return make_conninfo("", **{**connection.info.get_parameters(), "password": connection.info.password or None})


def hang_up(connection: Connection) -> None:
    """Ends a session from another thread, whatever its own thread waits for: that one sees the server gone."""
    try:
        line = socket.socket(fileno=os.dup(connection.fileno()))
    except (psycopg.Error, OSError):
        return
    with line:
        try:
            line.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def with_addresses(url: str) -> str:
    """The URL with its host's addresses looked up, so that a name server without an answer stops no other thread.

    The driver's own look-up holds the interpreter's lock. Raises psycopg.OperationalError when there is no such host.
    """
    parts = conninfo_to_dict(plain_url(url))
    host = str(parts.get("host") or "")
    if not host or host.startswith(("/", "@")) or "," in host or parts.get("hostaddr"):
        return plain_url(url)
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        raise psycopg.OperationalError(f'could not translate host name "{host}" to address') from None
    addresses = list(dict.fromkeys(str(place[4][0]) for place in found))
    port = str(parts.get("port") or 5432)
    return make_conninfo(
        "",
        **{
            **parts,
            "host": ",".join([host] * len(addresses)),
            "hostaddr": ",".join(addresses),
            "port": ",".join([port] * len(addresses)),
        },
    )
