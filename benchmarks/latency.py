"""How long an alert is on its way: from its commit to the channel's acceptance, through a running Dagster daemon.

Run: .venv/bin/python benchmarks/latency.py [alerts, default 10] [queued backfill days, default none]
Prints each and the median against 20 seconds; where days wait in the queue, the slowest against 30 seconds.
"""

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

from usage_pipeline.alerts.kinds.base import NewAlert
from usage_pipeline.alerts.kinds.budget import BUDGET, BudgetFacts, BudgetKey
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.demo.channel_servers import free_port
from usage_pipeline.run_tags import Work
from usage_pipeline.settings.environment import home_dir
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline.warehouse.embedded import start_embedded, stop_embedded
from usage_pipeline.warehouse.schema import migrate

LIMIT_S = 20.0
STORM_LIMIT_S = 30.0
PATIENCE_S = 180.0
LAUNCH = """mutation ($params: ExecutionParams!) {launchRun(executionParams: $params) {__typename}}"""
CONFIG = """version: 1
recipients:
  itsm: {channel: webhook, url_env: ITSM_URL, allow_private: true}
tiers: [{at: 100, level: emergency, notify: [itsm]}]
schedule: {every_minutes: 60}
"""


class Receiver:
    """A server that notes when each alert came."""

    def __init__(self) -> None:
        came: dict[str, float] = {}

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                self.send_response(204)
                self.end_headers()
                came.setdefault(body["alert_id"], time.monotonic())

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.came = came
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/alerts"

    def wait(self, alert_id: str) -> float:
        """When the alert came, on the monotonic clock."""
        end = time.monotonic() + PATIENCE_S
        while alert_id not in self.came:
            if time.monotonic() > end:
                raise SystemExit(f"alert {alert_id} did not come within {PATIENCE_S:.0f} s")
            time.sleep(0.02)
        return self.came[alert_id]


def one(connection: Connection, receiver: Receiver, number: int) -> float:
    """Seconds from the commit of an alert to its acceptance."""
    now = datetime.now(UTC)
    budget = f"latency-{number}"
    alert = NewAlert(
        kind=BUDGET,
        key=BudgetKey(budget, "", now, Decimal(100)),
        period_end=now + timedelta(days=1),
        level="emergency",
        facts=BudgetFacts(budget_id=budget, tier=Decimal(100)),
    )
    with connection.transaction():
        raise_alert(connection, alert, [("itsm", "webhook")])
    committed = time.monotonic()
    return receiver.wait(alert.alert_id) - committed


def queue_days(port: int, days: int) -> None:
    """Puts a run for each of so many past days into Dagster's queue, as people do from the form."""
    today = datetime.now(UTC).date()
    selector = {"repositoryLocationName": "usage_pipeline", "repositoryName": "__repository__",
                "jobName": "make_days_again"}  # fmt: skip
    tags = [{"key": name, "value": value} for name, value in Work.BACKFILL.tags.items()]
    for number in range(1, days + 1):
        day = str(today - timedelta(days=number))
        form = {"first_day": day, "last_day": day, "what_if": False}
        params = {"selector": selector, "runConfigData": form, "executionMetadata": {"tags": tags}}
        body = json.dumps({"query": LAUNCH, "variables": {"params": params}}).encode()
        url = f"http://127.0.0.1:{port}/graphql"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            assert b"LaunchRunSuccess" in answer.read()


def measure(folder: Path, alerts: int, storm: int) -> list[float]:
    """The seconds of each alert, after one that warms up."""
    receiver = Receiver()
    (folder / "c.yaml").write_text(CONFIG)
    os.environ |= {
        "USAGE_PIPELINE_HOME": str(folder),
        "USAGE_PIPELINE_CONFIG": str(folder / "c.yaml"),
        "ITSM_URL": receiver.url,
    }
    url = start_embedded(home_dir()).url("warehouse")
    migrate(url)
    connection = connect(url)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "usage_pipeline", "up", "--port", str(port)], stdout=subprocess.DEVNULL
    )
    try:
        one(connection, receiver, 0)
        queue_days(port, storm)
        seconds = []
        for number in range(1, alerts + 1):
            time.sleep(random.uniform(0, 5))  # the sensor's interval: no alert knows when it looks
            seconds.append(one(connection, receiver, number))
            print(f"alert {number}: {seconds[-1]:.1f} s", flush=True)
        return seconds
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        connection.close()
        stop_embedded(home_dir())


def main(alerts: int, storm: int) -> int:
    """Prints the figures; 0 when the median is under the limit, and the slowest under that of a storm."""
    with TemporaryDirectory(prefix="usage-pipeline-latency-") as name:
        Path(name).chmod(0o755)  # the embedded server of a root's installation runs as a user of its own
        seconds = measure(Path(name), alerts, storm)
    median = statistics.median(seconds)
    print(f"commit to acceptance: median {median:.1f} s, slowest {max(seconds):.1f} s, limit {LIMIT_S:.0f} s")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    if storm:
        print(f"with {storm} backfill days queued: slowest {max(seconds):.1f} s, limit {STORM_LIMIT_S:.0f} s")
        return 0 if max(seconds) < STORM_LIMIT_S else 1
    return 0 if median < LIMIT_S else 1


if __name__ == "__main__":
    words = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*words, *(10, 0)[len(words) :]))
