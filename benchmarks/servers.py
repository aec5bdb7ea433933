"""An embedded server for a benchmark, with databases that are copied from one that is migrated once."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from benchmarks.figures import SIZES, Figure, Size
from usage_pipeline.fake_dify.schema import create_dify_schema
from usage_pipeline.settings.environment import project_dir
from usage_pipeline.warehouse.connection import connect
from usage_pipeline.warehouse.embedded import EmbeddedServer, create_database, start_embedded, stop_embedded
from usage_pipeline.warehouse.schema import migrate

SQL = project_dir() / "benchmarks" / "sql"
_MADE = {"messages": 0, "runs": 0, "days": 60, "ended": "1 hour", "callers": 5_000}
_PARAMETERS = (*_MADE, "events", "new", "changed", "caller")


class Place:
    """A folder and its server."""

    def __init__(self, folder: Path, server: EmbeddedServer) -> None:
        self.folder, self.server = folder, server
        self._copied: set[str] = set()

    def database(self, name: str) -> str:
        """Returns the URL of a new, empty database."""
        self._execute(f"DROP DATABASE IF EXISTS {name}")
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            create_database(connection, name)
        return self.server.url(name)

    def warehouse(self, name: str) -> str:
        """Returns the URL of a new warehouse, migrated."""
        if "migrated" not in self._copied:
            migrate(self.database("migrated"))
            self._copied.add("migrated")
        return self.copy(name, "migrated")

    def copy(self, name: str, of: str) -> str:
        """Returns the URL of a new database like another one, to which nobody is connected."""
        self._execute(f"DROP DATABASE IF EXISTS {name}")
        self._execute(f"CREATE DATABASE {name} TEMPLATE {of}")
        return self.server.url(name)

    def dify(self, name: str, **made: object) -> str:
        """Returns the URL of a new Dify: ``messages`` and ``runs`` of ``days``, the last of them ``ended`` ago."""
        url = self.database(name)
        with connect(url) as connection:
            create_dify_schema(connection)
            connection.execute(statement_of("made_dify"), {**_MADE, **made})
        return url

    def configured(self, text: str, dify: str) -> Path:
        """Returns a configuration file with that text, whose source is that Dify."""
        os.environ["DIFY_DATABASE_URL"] = dify
        path = self.folder / "c.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def drop(self, *names: str) -> None:
        """Removes databases, and gives the disk back."""
        for name in names:
            self._execute(f"DROP DATABASE IF EXISTS {name}")
        self._execute("CHECKPOINT")

    def _execute(self, query: str) -> None:
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            connection.execute(query.encode())


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """A server in a folder of its own, which is removed in the end."""
    home = folder / "server"
    # The embedded server of a root's installation runs as a user of its own.
    folder.chmod(0o755)
    home.mkdir(mode=0o755)
    try:
        yield Place(folder, start_embedded(home))
    finally:
        stop_embedded(home)
        shutil.rmtree(home, ignore_errors=True)


def statement_of(name: str) -> bytes:
    """Returns a benchmark's own SQL with parameters as the driver takes them."""
    lines = (SQL / f"{name}.sql").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("--")).replace("%", "%%")
    for parameter in _PARAMETERS:
        text = text.replace(f":'{parameter}'", f"%({parameter})s")
    return text.encode()


def plain_text_of(name: str) -> str:
    """Returns a benchmark's own SQL that has no parameters."""
    return statement_of(name).decode().replace("%%", "%")


def print_figures(measure: Callable[[Size, Path], Sequence[Figure]]) -> None:
    """Prints what a benchmark measures of the size that the command line names; small without a name."""
    size = SIZES[sys.argv[1] if len(sys.argv) > 1 else "small"]
    with TemporaryDirectory(prefix="usage-pipeline-benchmark-") as folder:
        for figure in measure(size, Path(folder)):
            print(figure.line())


def seconds(work: Callable[[], object]) -> float:
    """Returns how long work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def most_memory_mb() -> float:
    """Returns the most memory that this process ever had of its own program, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
