"""dlt as people use it: a table of Dify's merged into a PostgreSQL by key, in an environment of its own."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PACKAGES = (
    "dlt[postgres,sql_database]", "pyarrow", "numpy", "psycopg2-binary", "adbc-driver-manager",
    "adbc-driver-postgresql",
)  # fmt: skip
_INSTALLS_IN_S, _LOADS_IN_S = 180, 600


@dataclass(frozen=True)
class Peer:
    """The loader in its environment; the back end is the fastest that it has for this."""

    folder: Path
    version: str
    back_end: str = "pyarrow"

    def seconds(self, source: str, destination: str, table: str) -> float:
        """Returns how long it takes to merge the table."""
        places = self.folder / "state"
        shutil.rmtree(places, ignore_errors=True)
        command = [str(self.folder / "bin" / "python"), str(Path(__file__).with_name("peer_load.py"))]
        done = subprocess.run(
            [*command, source, destination, table, str(places)],
            capture_output=True, text=True, timeout=_LOADS_IN_S, check=True,
            env={"HOME": str(self.folder), "RUNTIME__DLTHUB_TELEMETRY": "false", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        return float(json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def peer(folder: Path) -> Iterator[Peer | None]:
    """Installs it; None, with the reason printed, where it cannot be installed."""
    place = folder / "peer"
    uv = Path(sys.executable).with_name("uv")
    try:
        _run(str(uv), "venv", "--quiet", str(place))
        python = str(place / "bin" / "python")
        _run(str(uv), "pip", "install", "--quiet", "--python", python, *_PACKAGES)
        version = _run(python, "-c", "import importlib.metadata as m; print(m.version('dlt'))")
    except (OSError, subprocess.SubprocessError) as error:
        print(f"dlt is left out, it could not be installed: {getattr(error, 'stderr', '') or error}", flush=True)
        yield None
        return
    yield Peer(place, version.strip())
    shutil.rmtree(place, ignore_errors=True)


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=_INSTALLS_IN_S, check=True).stdout
