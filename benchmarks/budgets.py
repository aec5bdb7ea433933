"""How fast budgets are evaluated after a tick: as budgets grow from 100 to 10,000, and events from 1 to 10 million.

Run: .venv/bin/python benchmarks/budgets.py [millions of events, default 10]
Prints seconds, memory of this process and of its server process, and ratios against a plain scan of the same events in
the same run, so that a slow machine does not look like a slow program.
"""

import os
import re
import resource
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from usage_pipeline.budgets.evaluate import evaluate_budgets
from usage_pipeline.configuration import active_configuration
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline.warehouse.embedded import EmbeddedServer, create_database, start_embedded, stop_embedded
from usage_pipeline.warehouse.schema import migrate

TENANTS, PROJECTS, DAYS, TICK = 100, 5_000, 60, 2_000
PERIODS = ("day", "week", "month", "month", "quarter", "year", "{rolling: 7d}")

DIMENSIONS = """
INSERT INTO usage.tenant (source, tenant_id, name, timezone)
SELECT 'main', 't' || n, 'Tenant ' || n, 'UTC' FROM generate_series(0, %(tenants)s - 1) n;
INSERT INTO usage.project (source, app_id, tenant_id, name, mode, environment)
SELECT 'main', 'a' || n, 't' || n %% %(tenants)s, 'app-' || n, 'workflow',
       CASE WHEN n %% 7 = 0 THEN 'dev' ELSE 'prod' END
FROM generate_series(0, %(projects)s - 1) n;
INSERT INTO usage.api_key (source, api_key_id, app_id, tenant_id, masked, created_at)
SELECT 'main', 'k' || n, 'a' || n, 't' || n %% %(tenants)s, 'app-' || n || '…', now()
FROM generate_series(0, %(projects)s - 1) n;
"""
EVENTS = """
INSERT INTO usage.usage_event (
    source, event_id, tenant_id, environment, app_id, api_key_id, key_attribution, caller_kind, caller_id, provider,
    model, input_tokens, output_tokens, total_tokens, cost, currency, base_cost, price_source, basis, status,
    occurred_at, usage_date)
SELECT 'main', 'message:' || %(first)s + n, 't' || app %% %(tenants)s,
       CASE WHEN app %% 7 = 0 THEN 'dev' ELSE 'prod' END, 'a' || app, 'k' || app, 'sole', 'api', 'user-' || n %% 3,
       'openai', 'gpt-' || app %% 4, 700, 300, 1000, 0.0123, 'CNY', 0.0123, 'dify',
       'logged', 'succeeded', at, (at AT TIME ZONE 'UTC')::date
FROM (SELECT n, (n::bigint * 7919) %% %(projects)s AS app,
             %(until)s::timestamptz - n * (%(span)s::interval / %(events)s) AS at
      FROM generate_series(0, %(events)s - 1) n) AS made
"""


def configuration(folder: Path, definitions: int) -> Path:
    """Half of the definitions per project, half per API key, each of one tenant: 50 values each."""
    lines = ["version: 1", "timezone: UTC", "currency: CNY", "recipients: {ops: {channel: wecom, secret_env: URL}}",
             "tiers: [{at: 100, level: emergency, notify: [ops]}]", "budgets:"]  # fmt: skip
    for number in range(definitions):
        per, scope = ("project", '"app-*"') if number % 2 else ("api_key", '"*"')
        lines.append(
            f"  - {{id: b{number}, scope: {{tenant: Tenant {number // 2}, {per}: {scope}, not: {{model: old-*}}}},"
            f" per: {per}, period: {PERIODS[number % len(PERIODS)]}, limit: {{tokens: 900000000, cost: 90000}}}}"
        )
    path = folder / f"{definitions}.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


class Memory:
    """The most memory of its own that a server process used meanwhile, in MB; shared buffers left out."""

    def __init__(self, pid: int) -> None:
        self._file, self._stop, self.most = Path(f"/proc/{pid}/status"), threading.Event(), 0.0
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.01):
            found = re.search(r"RssAnon:\s+(\d+)", self._file.read_text(encoding="ascii"))
            self.most = max(self.most, int(found[1]) / 1024 if found else 0)


def build(url: str, events: int, now: datetime) -> Connection:
    """A warehouse with so many events, spread over as many days as they take at the pace of ten million in 60 days."""
    migrate(url)
    warehouse = connect(url)
    common = {"tenants": TENANTS, "projects": PROJECTS}
    days = max(2, DAYS * events // 10_000_000)
    warehouse.execute(DIMENSIONS, common)
    warehouse.execute(EVENTS, {**common, "first": 0, "events": events, "until": now, "span": f"{days} days"})
    warehouse.execute("VACUUM ANALYZE usage.usage_event")
    roll_up(warehouse, [now.date() - timedelta(days=number) for number in range(days + 1)])
    warehouse.execute("VACUUM ANALYZE")
    return warehouse


def evaluated(warehouse: Connection, config: Path, moment: datetime) -> tuple[float, int, float]:
    """Seconds, rows and the server process's memory of one evaluation."""
    force = active_configuration(warehouse, config)
    with Memory(warehouse.info.backend_pid) as memory:
        began = time.perf_counter()
        with warehouse.transaction():
            found = evaluate_budgets(warehouse, force.settings, force.version, moment)
        seconds = time.perf_counter() - began
    return seconds, found.rows, memory.most


def after_ticks(warehouse: Connection, config: Path, now: datetime, first: int) -> tuple[float, int, float, float]:
    """The median of three ticks: evaluation's seconds, its rows, memory; and the roll-up's seconds beside it."""
    evaluated(warehouse, config, now)
    measured = []
    for tick in range(3):
        made = {"first": first + tick * TICK, "events": TICK, "until": now, "span": "1 minute"}
        warehouse.execute(EVENTS, {"tenants": TENANTS, "projects": PROJECTS, **made})
        began = time.perf_counter()
        roll_up(warehouse, [now.date()])
        rolled = time.perf_counter() - began
        measured.append((*evaluated(warehouse, config, now), rolled))
    return sorted(measured)[1]


def scan(warehouse: Connection) -> float:
    """Seconds of reading every event once: the limit that the figures are held against."""
    began = time.perf_counter()
    warehouse.execute("SELECT count(*), sum(total_tokens), sum(base_cost) FROM usage.usage_event")
    return time.perf_counter() - began


def main(millions: int) -> None:
    """Prints the figures of few and many budgets over few and many events."""
    # The morning of a day has no more events to count than its evening; noon is a fair moment.
    now = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    results: dict[tuple[int, int], tuple[float, int, float, float]] = {}
    scans: dict[int, float] = {}
    with TemporaryDirectory(prefix="usage-pipeline-benchmark-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = start_embedded(folder)
        try:
            for size in sorted({max(1, millions // 10), millions}):
                url = _database(server, f"events_{size}")
                warehouse = build(url, size * 1_000_000, now)
                for round_, definitions in enumerate((2, 200)):
                    config = configuration(folder, definitions)
                    first = size * 1_000_000 + round_ * 3 * TICK
                    results[size, definitions] = after_ticks(warehouse, config, now, first)
                scans[size] = scan(warehouse)
                warehouse.close()
        finally:
            stop_embedded(folder)
    small, large = min(scans), max(scans)
    for (size, _), (seconds, rows, memory, rolled) in results.items():
        print(f"{size} million events, {rows:,} budgets: evaluated in {seconds:.2f} s after a tick of {TICK:,} events;"
              f" {seconds / scans[size]:.2f} times a plain scan of the events ({scans[size]:.2f} s);"
              f" memory {memory:.0f} MB; the day's roll-up before it {rolled:.2f} s")  # fmt: skip
    most, few, fewer_events = results[large, 200], results[large, 2], results[small, 200]
    print(f"{most[1] / few[1]:.0f} times as many budgets take {most[0] / few[0]:.1f} times as long")
    print(f"{large / small:.0f} times as many events take {most[0] / fewer_events[0]:.2f} times as long")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"this process at most {peak:.0f} MB; {os.cpu_count()} cores")


def _database(server: EmbeddedServer, name: str) -> str:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        create_database(connection, name)
    return server.url(name)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
