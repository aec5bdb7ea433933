"""How large Dagster's storage is after each of 30 days of a pass a minute, when old runs are removed each day.

Run: .venv/bin/python benchmarks/dagster_storage.py [passes a day, default 1440] [days, default 30]
One pass and one delivery are run; the others are copies of their rows, with moments and days of their own. Prints size,
runs and events by day, by how much it grows when it has as many days as are kept, and whether the grid is whole.
"""

import os
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import psycopg

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
GROWS_BY_AT_MOST = 0.6  # MB a day, from the fifth on: what the partitions of a day were found to be, and indexes


def main() -> None:
    """Measures and prints."""
    passes, days = (int(word) for word in [*sys.argv[1:], *("1440", "30")[len(sys.argv) - 1 :]])
    with TemporaryDirectory(prefix="usage-pipeline-benchmark-") as folder:
        home = Path(folder)
        server = start_embedded(home)
        try:
            first = date.today() - timedelta(days=days)  # noqa: DTZ011  (any day does)
            (home / "c.yaml").write_text(CONFIG.format(first=first), encoding="utf-8")
            os.environ |= {
                "USAGE_PIPELINE_CONFIG": str(home / "c.yaml"),
                "USAGE_PIPELINE_HOME": folder,
                "WAREHOUSE_URL": server.url(WAREHOUSE_DATABASE),
                "NOWHERE_URL": "postgresql://nobody@127.0.0.1:9/nowhere",
            }
            migrate(server.url(WAREHOUSE_DATABASE))
            with opened(server.url(DAGSTER_DATABASE), home / "instance") as storage:
                _measure(storage, first, passes, days)
        finally:
            stop_embedded(home)


def _measure(storage: Storage, first: date, passes: int, days: int) -> None:
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
            f"day {day:2}: {sizes[-1]:8.1f} MB, {storage.count('runs'):6} runs, {storage.count('event_logs'):8} events;"
            f" {removed} removed in {done - written:.1f} s (written in {written - began:.1f} s)",
            flush=True,
        )
    growth = (sizes[-1] - sizes[4]) / max(len(sizes) - 5, 1)
    expected = {str(first + timedelta(days=number)) for number in range(days + 1)} - {str(first + timedelta(days=days))}
    whole = expected <= set(storage.instance.get_materialized_partitions(dg.AssetKey("daily_usage")))
    print(f"from the fifth day on: {growth:+.2f} MB a day (at most {GROWS_BY_AT_MOST}); the grid is whole: {whole}")
    sys.exit(0 if growth <= GROWS_BY_AT_MOST and whole else 1)


if __name__ == "__main__":
    main()
