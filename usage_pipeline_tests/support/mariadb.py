"""A real MariaDB for a test session: Debian's server in a folder of its own, on a free port of this machine."""

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

import pymysql
import pytest

MARIADBD = shutil.which("mariadbd")
# `make test` must work without a server; CI installs one, and there its absence is a failure.
needs_mariadb = pytest.mark.skipif(
    MARIADBD is None and not os.environ.get("CI"), reason="no mariadbd: apt install mariadb-server"
)
on_mariadb = [pytest.mark.mariadb, needs_mariadb]
ZONE_OF_MACHINE = "Europe/Berlin"
_INSTALL = shutil.which("mariadb-install-db") or "mariadb-install-db"
_IS_ROOT = os.geteuid() == 0


@dataclass(frozen=True)
class MariaDB:
    """A running server: anybody of this machine may log in as root without a password."""

    port: int
    folder: Path

    def connect(self, database: str | None = None) -> pymysql.Connection:
        """A connection in autocommit that may do anything."""
        # Reading all authorities of the machine takes longer than most statements, and nobody listens here.
        return pymysql.connect(host="127.0.0.1", port=self.port, user="root", database=database, autocommit=True,
                               ssl_disabled=True)  # fmt: skip

    def url(self, database: str, user: str = "root", password: str = "") -> str:
        """How a source names the database."""
        secret = f":{password}" if password else ""
        return f"mysql://{user}{secret}@127.0.0.1:{self.port}/{database}"


@contextmanager
def running_mariadb() -> Iterator[MariaDB]:
    """A server that ends with the block; its machine stands in Berlin, where clocks change twice a year."""
    folder = Path(tempfile.mkdtemp(prefix="usage-pipeline-mariadb-"))
    try:
        # A server that starts removes what it takes for its own in the folder of temporary tables.
        (folder / "scratch").mkdir()
        if _IS_ROOT:
            for place in (folder, folder / "scratch"):
                shutil.chown(place, "mysql", "mysql")
        user = ["--user=mysql"] if _IS_ROOT else []
        places = [f"--datadir={folder}/data", f"--tmpdir={folder}/scratch"]
        subprocess.run(
            [_INSTALL, "--no-defaults", *user, *places, "--skip-test-db",
             "--auth-root-authentication-method=normal"],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        port = _free_port()
        with (folder / "server.log").open("wb") as log:
            process = subprocess.Popen(
                [MARIADBD or "mariadbd", "--no-defaults", *user, *places,
                 f"--socket={folder}/socket", f"--pid-file={folder}/pid", "--bind-address=127.0.0.1", f"--port={port}",
                 "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=128M"],
                stdout=log, stderr=log, env={**os.environ, "TZ": ZONE_OF_MACHINE},
            )  # fmt: skip
        try:
            yield _answering(MariaDB(port, folder), process)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answering(server: MariaDB, process: "subprocess.Popen[bytes]") -> MariaDB:
    end = time.monotonic() + 60
    while True:
        try:
            server.connect().close()
        except pymysql.err.OperationalError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((server.folder / "server.log").read_text(errors="replace")[-2000:]) from None
            time.sleep(0.05)
        else:
            return server


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
