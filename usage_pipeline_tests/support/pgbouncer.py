"""A real pgbouncer before a test's PostgreSQL: Debian's program on a free port, in a mode of pooling."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.support.accounts import account_of

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
# `make test` must work without one; CI installs it, and there its absence is a failure.
needs_pgbouncer = pytest.mark.skipif(
    PGBOUNCER is None and not os.environ.get("CI"), reason="no pgbouncer: apt install pgbouncer"
)
# A pooler logs in to the server itself, so that its clients' role needs a password.
ROLE, PASSWORD = "pooled", "p00led-w0rd"
Mode = Literal["transaction", "session", "statement"]


@dataclass(frozen=True)
class Pooler:
    """A running pooler."""

    port: int

    def url(self, url: str) -> str:
        """Returns the way through the pooler to a database that is named by the server's own URL."""
        return f"postgresql://{ROLE}:{PASSWORD}@127.0.0.1:{self.port}/{quote(str(conninfo_to_dict(url)['dbname']))}"


@contextmanager
def running_pgbouncer(server: EmbeddedServer, mode: Mode, *, sessions: int) -> Iterator[Pooler]:
    """A pooler with so many sessions a database, which ends with the block."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
            connection.execute(f"CREATE ROLE {ROLE} LOGIN SUPERUSER PASSWORD '{PASSWORD}'".encode())
    folder = Path(tempfile.mkdtemp(prefix="usage-pipeline-pgbouncer-"))
    account = account_of(Path(server.socket_folder))
    try:
        port = _free_port()
        (folder / "users.txt").write_text(f'"{ROLE}" "{PASSWORD}"\n', encoding="utf-8")
        (folder / "pgbouncer.ini").write_text(
            f"""[databases]
* = host={server.socket_folder} port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users.txt
pool_mode = {mode}
default_pool_size = {sessions}
max_client_conn = 100
""",
            encoding="utf-8",
        )
        account.owns(folder)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [PGBOUNCER or "pgbouncer", str(folder / "pgbouncer.ini")], stdout=log, stderr=log, **account.arguments
            )
        try:
            yield _answering(port, process, folder)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answering(port: int, process: "subprocess.Popen[bytes]", folder: Path) -> Pooler:
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((folder / "log").read_text(errors="replace")[-2000:]) from None
            time.sleep(0.02)
        else:
            return Pooler(port)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
