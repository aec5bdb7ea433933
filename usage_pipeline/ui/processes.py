"""Starts what `up` is made of - code server, webserver behind its guard, daemon - once an installation, and ends it."""

import fcntl
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import IO

from usage_pipeline.ui.guard import LOOPBACK_NAMES
from usage_pipeline.ui.running import answers
from usage_pipeline.warehouse.embedded_port import refusal_to_listen

LOCATION = "usage_pipeline"
LOCK = "up.lock"
_LOOKS_EVERY_S = 0.25
_ENDS_WITHIN_S = 25.0
_STARTS_WITHIN_S = 120.0
_LOG_LINES_SHOWN = 12


class UpError(Exception):
    """`up` cannot start or has ended; the text says why and what to do."""


@dataclass(frozen=True)
class Address:
    """Where the UI listens, the names besides this machine's own under which it may be asked, and whether it may only
    be looked at."""

    host: str
    port: int
    names: Sequence[str] = ()
    read_only: bool = False

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = "127.0.0.1" if self.host in ("", "0.0.0.0", "::") else self.host  # noqa: S104  (compared, not bound)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def for_people(self) -> str:
        """Where people find it: behind the proxy, under the first name that it is asked for by."""
        return f"https://{self.names[0]}" if self.names else self.url


def check_address(address: Address, *, behind_proxy: bool) -> None:
    """Raises UpError when the UI, which has no login, would be open to others, or its port is taken."""
    loopback = address.host in LOOPBACK_NAMES or address.host.startswith("127.")
    if not loopback and not behind_proxy:
        raise UpError(
            f"--host {address.host} would open the UI, which has no login, to everybody who reaches this machine; "
            "put a proxy with authentication before it and say so with --behind-proxy --allow-host NAME"
        )
    if behind_proxy and not address.names:
        raise UpError("--behind-proxy needs the name that people use: --allow-host dagster.example.com")
    refusal = refusal_to_listen(address.host, address.port)
    if refusal is not None:
        raise UpError(
            f"port {address.port} of {address.host} cannot be used ({refusal}); "
            "end what listens there, or choose another with --port"
        )


@contextmanager
def only_one(home: Path, address: Address) -> Iterator[int]:
    """Holds the installation's lock; returns its file, which the processes of `up` keep open until they have ended.

    Raises UpError that names the one that runs. What a killed `up` left behind is waited for: it ends by itself.
    """
    path = home / LOCK
    with path.open("a+", encoding="utf-8") as file:
        _take(file)
        file.seek(0)
        file.truncate()
        started = datetime.now(UTC).isoformat(timespec="seconds")
        json.dump({"pid": os.getpid(), "url": address.url, "started_at": started}, file)
        file.flush()
        yield file.fileno()


def _take(file: IO[str]) -> None:
    until = time.monotonic() + _ENDS_WITHIN_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = _holder(file)
            alive = _lives(holder.get("pid"))
            if alive or time.monotonic() > until:
                raise UpError(_who_runs(holder, alive)) from None
            time.sleep(_LOOKS_EVERY_S)
        else:
            return


def _holder(file: IO[str]) -> dict[str, object]:
    file.seek(0)
    try:
        found = json.load(file)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _lives(pid: object) -> bool:
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _who_runs(holder: dict[str, object], alive: bool) -> str:
    who = f"process {holder.get('pid', '?')}, since {holder.get('started_at', '?')}, {holder.get('url', '?')}"
    if alive:
        return f"`up` runs already ({who}); end it with Ctrl-C there, or `kill {holder.get('pid', '?')}`"
    return f"an `up` that was killed ({who}) left processes that do not end; look for usage_pipeline.ui with `ps`"


@dataclass
class Running:
    """The processes of one `up`, by name."""

    processes: dict[str, "subprocess.Popen[bytes]"]
    log: Path
    log_began_at: int
    closing: ExitStack

    def ended(self) -> str | None:
        """The name of a process that has ended; None while all run."""
        return next((name for name, process in self.processes.items() if process.poll() is not None), None)

    def why(self, name: str) -> str:
        """What the log says last, for a process that has ended."""
        with self.log.open("rb") as file:
            file.seek(self.log_began_at)
            lines = file.read().decode("utf-8", "replace").splitlines()
        said = "\n".join(lines[-_LOG_LINES_SHOWN:])
        return f"the {name} has ended with exit code {self.processes[name].returncode}; {self.log} says:\n{said}"

    def end(self) -> None:
        """Ends all; a run that is cut costs nothing, the next pass goes on. Safe to call twice."""
        self.closing.close()  # the pipes: each attendant sees its end and ends what it started
        for process in self.processes.values():
            try:
                process.wait(timeout=_ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def start(
    home: Path,
    log: Path,
    address: Address,
    lock: int,
    *,
    before: Sequence[str] = (),
    also: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Running:
    """Starts code server, webserver and daemon with the environment as it is; returns when the UI answers.

    ``before`` is a module with arguments that is run, and waited for, before daemon and webserver start; what becomes
    of it stands in the log. ``also`` are modules with arguments, by a name, that run beside. Raises UpError with the
    reason when a process ends before the UI answers.
    """
    closing = ExitStack()
    began_at = log.stat().st_size if log.exists() else 0
    running = Running({}, log, began_at, closing)
    folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="usage-pipeline-up-")))
    code, workspace = folder / "code", folder / "workspace.yaml"
    # JSON is YAML, too.
    workspace.write_text(
        json.dumps({"load_from": [{"grpc_server": {"socket": str(code), "location_name": LOCATION}}]}), encoding="utf-8"
    )
    try:
        running.processes["code server"] = _attended(closing, log, home, lock, _code_server(code))
        _run_module(before, log, home)
        _wait(running, lambda: _takes_connections(code))
        running.processes["daemon"] = _attended(closing, log, home, lock, _daemon(workspace))
        running.processes["webserver"] = _attended(closing, log, home, lock, _webserver(workspace, address))
        for name, words in also.items():
            running.processes[name] = _attended(closing, log, home, lock, [sys.executable, "-m", *words])
        _wait(running, lambda: answers(f"{address.url}/server_info"))
    except BaseException:
        running.end()
        raise
    return running


def _code_server(code: Path) -> list[str]:
    # By module: with `pip install --user` the scripts do not lie beside the interpreter.
    return [sys.executable, "-m", "dagster", "code-server", "start", "--module-name", "usage_pipeline.definitions",
            "--socket", str(code), "--location-name", LOCATION, "--use-python-environment-entry-point"]  # fmt: skip


def _daemon(workspace: Path) -> list[str]:
    return [sys.executable, "-m", "dagster._daemon", "run", "--workspace", str(workspace)]


def _webserver(workspace: Path, address: Address) -> list[str]:
    names = [part for name in address.names for part in ("--allow-host", name)]
    read_only = ["--read-only"] if address.read_only else []
    return [sys.executable, "-m", "usage_pipeline.ui.serve", *names, "--", "--workspace", str(workspace),
            "--host", address.host, "--port", str(address.port), *read_only]  # fmt: skip


def _attended(closing: ExitStack, log: Path, home: Path, lock: int, command: list[str]) -> "subprocess.Popen[bytes]":
    """Starts a command that ends with us, however we end; its attendant holds the lock until it has."""
    ours, theirs = os.pipe()[::-1]
    closing.callback(lambda: _close(ours))
    # Dagster's own advice to its developers is not for the people who run this.
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  (our own interpreter)
            [sys.executable, "-m", "usage_pipeline.ui.attend", str(theirs), *command],
            env=environment, cwd=home, stdout=output, stderr=output, start_new_session=True, pass_fds=(theirs, lock),
        )  # fmt: skip
    os.close(theirs)
    return process


def _run_module(words: Sequence[str], log: Path, home: Path) -> None:
    if not words:
        return
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", *words]
    with log.open("ab") as output, suppress(subprocess.TimeoutExpired):
        subprocess.run(command, env=environment, cwd=home, stdout=output, stderr=output, check=False,  # noqa: S603
                       timeout=_STARTS_WITHIN_S)  # fmt: skip


def _close(descriptor: int) -> None:
    with suppress(OSError):
        os.close(descriptor)


def _wait(running: Running, ready: Callable[[], bool]) -> None:
    until = time.monotonic() + _STARTS_WITHIN_S
    while not ready():
        name = running.ended()
        if name:
            raise UpError(running.why(name))
        if time.monotonic() > until:
            raise UpError(f"the UI did not answer within {_STARTS_WITHIN_S:.0f} s; {running.log} says why")
        time.sleep(_LOOKS_EVERY_S)


def _takes_connections(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
