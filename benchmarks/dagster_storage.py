"""How large Dagster's storage is after each of 30 days of a pass a minute, when old runs are removed each day.

Run: .venv/bin/python benchmarks/dagster_storage.py [passes a day, default 1440] [days, default 30]
One pass and one delivery are run; the others are copies of their rows, with moments and days of their own. Prints size,
runs and events by day, by how much it grows when it has as many days as are kept, and whether the grid is whole.
"""

import os
import sys
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import psycopg

from benchmarks.figures import FULL, Figure, Size
from usage_pipeline.run_tags import Work, range_tags
from usage_pipeline.warehouse.embedded import DAGSTER_DATABASE, WAREHOUSE_DATABASE, start_embedded, stop_embedded
from usage_pipeline.warehouse.schema import migrate
from usage_pipeline_tests.support.dagster_storage import Storage, opened

# A source that cannot be reached: what is measured is what Dagster writes of a pass, not what there is to count.
CONFIG = """version: 1
usage_from: {first}
sources: [{{id: main, kind: dify, url_env: NOWHERE_URL}}]
recipients: {{ops: {{channel: wecom, secret_env: OPS}}}}
tiers: [{{at: 100, level: emergency, notify: [ops]}}]
budgets:
  - {{id: projects, per: project, period: day, limit: {{tokens: 1000000}}}}
  - {{id: company, period: month, limit: {{tokens: 100000000}}}}
"""
GROWS_BY_AT_MOST = 0.25  # per cent a day: what the partitions of a day were found to be stays, and its indexes
_SETTLED = 0.25  # of all days: until then as many runs are there as are kept, and what they left is filled again


def measure(size: Size, folder: Path) -> list[Figure]:
    """Returns by how much the storage grows a day once it is settled, and how large it is then."""
    sizes, whole = days_of(folder, size.storage_passes, size.storage_days)
    if not whole:
        raise SystemExit("the grid has lost days")
    settled = max(int(_SETTLED * len(sizes)), 3)
    growth = 100 * (sizes[-1] / sizes[settled] - 1) / max(len(sizes) - settled - 1, 1)
    title = f"Dagster's storage with {size.storage_passes:,} passes a day"
    return [
        Figure(f"{title} grows a day, from day {settled + 1} on", growth, "%", at_most=GROWS_BY_AT_MOST),
        Figure(f"{title} after {len(sizes)} days", sizes[-1], "MB"),
    ]


def days_of(home: Path, passes: int, days: int) -> tuple[list[float], bool]:
    """Returns MB after each day, and whether the grid of days is whole."""
    home.chmod(0o755)
    server = start_embedded(home)
    try:
        first = date.today() - timedelta(days=days)  # noqa: DTZ011  (any day does)
        (home / "c.yaml").write_text(CONFIG.format(first=first), encoding="utf-8")
        os.environ |= {
            "USAGE_PIPELINE_CONFIG": str(home / "c.yaml"),
            "USAGE_PIPELINE_HOME": str(home),
            "WAREHOUSE_URL": server.url(WAREHOUSE_DATABASE),
            "NOWHERE_URL": "postgresql://nobody@127.0.0.1:9/nowhere",
        }
        migrate(server.url(WAREHOUSE_DATABASE))
        with opened(server.url(DAGSTER_DATABASE), home / "instance") as storage:
            return _by_day(storage, first, passes, days)
    finally:
        stop_embedded(home)


def _by_day(storage: Storage, first: date, passes: int, days: int) -> tuple[list[float], bool]:
    from usage_pipeline.definitions import defs  # noqa: PLC0415  (reads the configuration)

    tags = {**Work.PASS.tags, **range_tags(first, first + timedelta(days=1))}
    a_pass, delivery = storage.run(defs, "usage_pass", tags), storage.run(defs, "deliver_alerts", Work.DELIVERY.tags)
    sizes = []
    for day in range(1, days):
        ago, began = timedelta(days=days - day), time.monotonic()
        for run, name, number in ((a_pass, "pass", passes), (delivery, "delivery", passes // 5)):
            every = timedelta(days=1) / number
            storage.copies(run, f"{name}-{day}", number, ago=ago, every=every, days=day)
        written = time.monotonic()
        removed = storage.remove(days_ago=days - day)
        done = time.monotonic()
        with psycopg.connect(storage.url, autocommit=True) as connection:
            connection.execute("VACUUM")  # as autovacuum does in a real day
            row = connection.execute("SELECT pg_database_size(current_database()) / 1e6").fetchone()
        assert row
        sizes.append(float(row[0]))
        print(
            f"{_largest(storage)}\n"
            f"day {day:2}: {sizes[-1]:8.1f} MB, {storage.count('runs'):6} runs, {storage.count('event_logs'):8} events;"
            f" {removed} removed in {done - written:.1f} s (written in {written - began:.1f} s)",
            flush=True,
        )
    expected = {str(first + timedelta(days=number)) for number in range(days + 1)} - {str(first + timedelta(days=days))}
    return sizes, expected <= set(storage.instance.get_materialized_partitions(dg.AssetKey("daily_usage")))


def _largest(storage: Storage) -> str:
    """What takes most of the place: table and indexes."""
    with psycopg.connect(storage.url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT relname, pg_table_size(oid) / 1e6, pg_indexes_size(oid) / 1e6 FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            " ORDER BY pg_total_relation_size(oid) DESC LIMIT 5"
        ).fetchall()
    return ", ".join(f"{name} {table:.1f} + {indexes:.1f} MB" for name, table, indexes in rows)


def main() -> int:
    """Prints the sizes; 0 when the storage keeps its limit."""
    passes, days = (int(word) for word in [*sys.argv[1:], *("1440", "30")[len(sys.argv) - 1 :]])
    with TemporaryDirectory(prefix="usage-pipeline-benchmark-") as folder:
        figures = measure(replace(FULL, storage_passes=passes, storage_days=days), Path(folder))
    for figure in figures:
        print(figure.line())
    return int(any((figure.used or 0) > 1 for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
