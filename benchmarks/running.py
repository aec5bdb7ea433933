"""What `up` costs while nothing happens, and how long it is from a call's commit in Dify to an alert's acceptance.

Run: .venv/bin/python benchmarks/running.py [size: small or full]
Default settings, and the fast ones of docs/operations.md. Each call is of a caller that is new and has a budget of one
token, so that each makes an alert; calls come at moments that have nothing to do with the passes.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median, quantiles

from benchmarks.figures import Figure, Size
from benchmarks.servers import Place, place, print_figures, statement_of
from usage_pipeline.demo.channel_servers import free_port
from usage_pipeline.warehouse.connection import connected

P50_S, P95_S, FAST_P95_S, IDLE_PART = 45.0, 75.0, 30.0, 10.0
PATIENCE_S, GAP_S = 200.0, (3.0, 9.0)
_TICKS = os.sysconf("SC_CLK_TCK")
CONFIG = """
version: 1
timezone: Asia/Shanghai
currency: USD
sources: [{id: main, kind: dify, url_env: DIFY_DATABASE_URL}]
recipients: {itsm: {channel: webhook, url_env: ITSM_URL, allow_private: true}}
tiers: [{at: 100, level: emergency, notify: [itsm]}]
budgets:
  - {id: callers, scope: {caller: "*"}, per: caller, period: day, limit: {tokens: 1}}
"""
FAST = """
schedule: {every_seconds: 10, keep_runs_days: 1}
delivery: {every_seconds: 5}
"""


class Receiver:
    """A webhook that notes what came, and when."""

    def __init__(self) -> None:
        came: list[tuple[float, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                self.send_response(204)
                self.end_headers()
                came.append((time.monotonic(), body))

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.came = came
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/alerts"

    def when(self, caller: str) -> float | None:
        """Returns when the caller's alert came; None until then."""
        return next((at for at, body in list(self.came) if caller in body), None)

    def wait(self, caller: str) -> float:
        """Returns when it came, and waits for it."""
        end = time.monotonic() + PATIENCE_S
        while (at := self.when(caller)) is None:
            if time.monotonic() > end:
                raise SystemExit(f"the alert of {caller} did not come within {PATIENCE_S:.0f} s")
            time.sleep(0.1)
        return at


def processor_s(root: int) -> float:
    """Returns seconds of the processor that a process, its descendants, and those of them that ended have used."""
    children: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            parts = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        children.setdefault(int(parts[1]), []).append(int(folder.name))
        used[int(folder.name)] = sum(map(int, parts[11:15])) / _TICKS
    total, waiting = 0.0, [root]
    while waiting:
        process = waiting.pop()
        total += used.get(process, 0.0)
        waiting += children.get(process, [])
    return total


def measure(size: Size, folder: Path) -> list[Figure]:
    """Returns both, and the way of alerts by the fast setting of docs/operations.md too."""
    receiver = Receiver()
    with place(folder) as found:
        dify = found.dify("dify", callers=1)
        os.environ |= {"USAGE_PIPELINE_HOME": str(folder / "server"), "ITSM_URL": receiver.url}
        try:
            with up(found, CONFIG, dify) as process:
                receiver.wait(called(dify, 0)[0])
                figures = [*idle(found, process.pid, size.idle_s), *on_their_way(dify, receiver, size.alerts)]
            with up(found, CONFIG + FAST, dify):
                receiver.wait(called(dify, 0)[0])
                return [*figures, *on_their_way(dify, receiver, size.alerts, fast=True)]
        finally:
            receiver.server.shutdown()


@contextmanager
def up(found: Place, text: str, dify: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`up` under a configuration, ended with the block."""
    os.environ["USAGE_PIPELINE_CONFIG"] = str(found.configured(text, dify))
    with (found.folder / "up.log").open("ab") as log:
        command = [sys.executable, "-m", "usage_pipeline", "up", "--port", str(free_port())]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def idle(found: Place, up: int, idle_s: int) -> list[Figure]:
    """Returns the parts of a core that `up` and the server take when nothing happens."""
    postmaster = int((found.folder / "server" / "postgres" / "postmaster.pid").read_text().split()[0])
    time.sleep(10)  # what the first alert left to do
    before = processor_s(up), processor_s(postmaster)
    time.sleep(idle_s)
    ours, server = processor_s(up) - before[0], processor_s(postmaster) - before[1]
    return [
        Figure(f"`up` without news for {idle_s} s", 100 * ours / idle_s, "% of a core", at_most=IDLE_PART, quoted=True),
        Figure("Its PostgreSQL meanwhile", 100 * server / idle_s, "% of a core"),
    ]


def on_their_way(dify: str, receiver: Receiver, alerts: int, *, fast: bool = False) -> list[Figure]:
    """Returns the median and the slowest twentieth of so many alerts."""
    calls = []
    for number in range(1, alerts + 1):
        time.sleep(random.uniform(*GAP_S))
        calls.append(called(dify, number))
    took = [receiver.wait(caller) - at for caller, at in calls]
    slowest = quantiles(took, n=20, method="inclusive")[-1]
    title = f"From a call's commit in Dify to the channel's acceptance, {alerts} alerts"
    if fast:
        title = f"By the fast setting, {alerts} alerts"
    return [
        Figure(f"{title}: median", median(took), "s", at_most=None if fast else P50_S, quoted=not fast),
        Figure(f"{title}: 95 of 100 within", slowest, "s", at_most=FAST_P95_S if fast else P95_S, quoted=fast),
    ]


def called(dify: str, number: int) -> tuple[str, float]:
    """Writes a call of a new caller; returns the caller's name, and when it was committed."""
    caller = f"caller-{number}-{random.randrange(10**9)}"
    with connected(dify) as connection, connection.transaction():
        connection.execute(statement_of("call"), {"caller": caller})
    return caller, time.monotonic()


if __name__ == "__main__":
    print_figures(measure)
