"""How long an alert is on its way: from its commit to the channel's acceptance, through a running Dagster daemon.

Run: .venv/bin/python benchmarks/latency.py [alerts, default 10]
Prints each and the median against the limit of 20 seconds, and what the start of a run costs on this machine.
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
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

from usage_pipeline.alerts.kinds.base import NewAlert
from usage_pipeline.alerts.kinds.budget import BUDGET, BudgetFacts, BudgetKey
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.demo.channel_servers import free_port
from usage_pipeline.settings.environment import home_dir
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline.warehouse.embedded import start_embedded, stop_embedded
from usage_pipeline.warehouse.schema import migrate

LIMIT_S = 20.0
PATIENCE_S = 180.0
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


def measure(folder: Path, alerts: int) -> list[float]:
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
    process = subprocess.Popen(
        [sys.executable, "-m", "usage_pipeline", "up", "--port", str(free_port())], stdout=subprocess.DEVNULL
    )
    try:
        one(connection, receiver, 0)
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


def main(alerts: int) -> int:
    """Prints the figures; 0 when the median is under the limit."""
    with TemporaryDirectory(prefix="usage-pipeline-latency-") as name:
        Path(name).chmod(0o755)  # the embedded server of a root's installation runs as a user of its own
        seconds = measure(Path(name), alerts)
    median = statistics.median(seconds)
    print(f"commit to acceptance: median {median:.1f} s, slowest {max(seconds):.1f} s, limit {LIMIT_S:.0f} s")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    return 0 if median < LIMIT_S else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
