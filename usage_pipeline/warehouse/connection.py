"""Opens connections to the warehouse."""

import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg import ClientCursor
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import args_row

Connection = psycopg.Connection[tuple[object, ...]]
_UNKNOWN_PARAMETER = re.compile(r'invalid URI query parameter: "(\w{1,40})"')
_TELLING = 4  # characters; anything shorter stands in many words
_HOW_TO_WRITE = "write postgresql://user:password@host:5432/database, special characters %-encoded"


class UnreachableError(psycopg.OperationalError):
    """The server cannot be reached by the URL, or does not let us in. Its text holds no secret."""


def plain_url(url: str) -> str:
    """Returns the URL without SQLAlchemy's driver name, as libpq reads it."""
    return re.sub(r"^postgres(ql)?\+\w+://", "postgresql://", url)


def connect(url: str, *, application_name: str = "usage-pipeline") -> Connection:
    """Returns a connection in autocommit whose work is grouped by ``with connection.transaction()``; times are UTC.

    Parameters are merged on this side (ClientCursor), so that one SQL file may hold several statements.
    Raises UnreachableError when the URL cannot be read, the server cannot be reached, or a pooler before it gives its
    sessions to others between transactions.
    """
    url_parts(url)

    def open_session() -> Connection:
        return psycopg.connect(
            plain_url(url),
            autocommit=True,
            cursor_factory=ClientCursor,
            application_name=application_name,
            connect_timeout=10,
        )

    try:
        connection = open_session()
        if not is_direct(connection):
            _refuse_shared_sessions(connection, open_session)
    except psycopg.OperationalError as error:
        raise UnreachableError(without_password(str(error), url)) from None
    connection.execute("SET TimeZone = 'UTC'; SET jit = off; SET client_min_messages = warning")
    return connection


def is_direct(connection: Connection) -> bool:
    """Returns whether the server's process is the one that was named when the connection was made.

    A pooler names one that it made up, for a client's connection outlives the server's.
    """
    return connection.info.backend_pid == server_process(connection)


def server_process(connection: Connection) -> int:
    """Returns the number of the server's process that serves the connection now."""
    with connection.cursor(row_factory=args_row(int)) as cursor:
        found = cursor.execute("SELECT pg_backend_pid()").fetchone()
    connection.rollback()  # where it is not in autocommit, its transaction would keep that process
    return found or 0


def _refuse_shared_sessions(connection: Connection, open_session: Callable[[], Connection]) -> None:
    """Closes a connection whose settings, temporary tables and locks would be another client's."""
    from usage_pipeline.warehouse.pooler import Pooling, pooling_of  # noqa: PLC0415  (it stands on this module)

    try:
        found = pooling_of(connection, open_session)
    except BaseException:
        connection.close()
        raise
    if found is Pooling.TRANSACTION:
        connection.close()
        raise UnreachableError(
            "a pooler before it gives its sessions, with our settings, temporary tables and locks, to others between "
            "transactions (pool_mode = transaction): name the server itself, or a pool with pool_mode = session"
        )


def url_parts(url: str) -> Mapping[str, str | int | None]:
    """Returns the parts of a URL by libpq's names for them (host, port, password, ...).

    Raises UnreachableError in words of ours: libpq's own show a part of the URL, which may be the password.
    """
    try:
        parts = conninfo_to_dict(plain_url(url))
    except psycopg.Error as error:
        parameter = _UNKNOWN_PARAMETER.search(str(error))
        wrong = f"has a parameter that is not known: {parameter[1]}" if parameter else "cannot be read"
        raise UnreachableError(f"the URL {wrong}; {_HOW_TO_WRITE}") from None
    ports = str(parts.get("port") or "").split(",")
    if not all(port.isdecimal() or not port for port in ports):
        raise UnreachableError(f"the port in the URL is not a number; {_HOW_TO_WRITE}")
    # Of a password with a slash or a question mark the rest, to the host, is taken for the database's name.
    if "@" in str(parts.get("dbname") or "") and "%40" not in url:
        raise UnreachableError(f"the URL has an @ where the database's name should stand; {_HOW_TO_WRITE}")
    return parts


def without_password(text: str, url: str) -> str:
    """Returns the driver's text about a URL without the URL's passwords: it shows parameters' values."""
    try:
        parts = url_parts(url)
    except UnreachableError:
        return text  # ours: the driver has not seen such a URL
    for name in ("password", "sslpassword"):
        if password := str(parts.get(name) or ""):
            text = text.replace(f'"{password}"', '"…"')
            text = text.replace(password, "…") if len(password) >= _TELLING else text
    return text


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection that is closed at the end of the block."""
    connection = connect(url)
    try:
        yield connection
    finally:
        connection.close()


def address_of(connection: Connection) -> str:
    """Returns what opens one more session where this one goes. It holds the password: never show it."""
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

    The driver's own look-up holds the interpreter's lock.
    Raises UnreachableError when the URL cannot be read or there is no such host.
    """
    parts = url_parts(url)
    host = str(parts.get("host") or "")
    if not host or host.startswith(("/", "@")) or "," in host or parts.get("hostaddr"):
        return plain_url(url)
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        raise UnreachableError(f'could not translate host name "{host}" to address') from None
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
