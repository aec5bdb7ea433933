"""How fast a pass is: the first one against a plain COPY of the same rows, and one without news as history grows.

Run: .venv/bin/python benchmarks/passes.py [calls a day and app, default 40]
Prints ratios, so that a slow machine does not look like a slow program.
"""

import os
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from usage_pipeline.fake_dify.history import build_history
from usage_pipeline.fake_dify.schema import create_dify_schema
from usage_pipeline.fake_dify.write import write_history
from usage_pipeline.pipeline import run_pass
from usage_pipeline.settings.environment import project_dir
from usage_pipeline.warehouse.connection import connect
from usage_pipeline.warehouse.embedded import EmbeddedServer, create_database, start_embedded, stop_embedded
from usage_pipeline.warehouse.schema import migrate

CONFIG = project_dir() / "config" / "usage_pipeline.yaml"
TABLES = ("messages", "workflow_runs", "workflow_node_executions", "message_agent_thoughts")


def measure(server: EmbeddedServer, name: str, calls_a_day: float) -> tuple[int, float, float, float]:
    """Events, seconds of a plain COPY, of the first pass and of a pass without news."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        for database in (f"dify_{name}", f"warehouse_{name}"):
            create_database(connection, database)
    history = build_history(1, datetime.now(UTC), 60, calls_a_day)
    dify = connect(server.url(f"dify_{name}"))
    create_dify_schema(dify)
    write_history(dify, history, history.now)
    dify.execute("ANALYZE")
    began = time.perf_counter()
    for table in TABLES:
        with dify.cursor() as cursor, cursor.copy(f"COPY {table} TO STDOUT (FORMAT BINARY)".encode()) as copy:
            for _ in copy:
                pass
    plain = time.perf_counter() - began
    os.environ["DIFY_DATABASE_URL"] = server.url(f"dify_{name}")
    migrate(server.url(f"warehouse_{name}"))
    warehouse = connect(server.url(f"warehouse_{name}"))
    seconds = []
    for _ in range(4):
        began = time.perf_counter()
        assert not run_pass(warehouse, CONFIG, by="benchmark", deliver=False, sweep=False).source_errors
        seconds.append(time.perf_counter() - began)
    row = warehouse.execute("SELECT count(*) FROM usage.usage_event").fetchone()
    return int(str(row[0])) if row else 0, plain, seconds[0], min(seconds[1:])


def main(calls_a_day: float) -> None:
    """Prints the figures of a small and of a fourfold history."""
    with TemporaryDirectory(prefix="usage-pipeline-benchmark-") as folder:
        Path(folder).chmod(0o755)
        server = start_embedded(Path(folder))
        try:
            small = measure(server, "small", calls_a_day / 4)
            large = measure(server, "large", calls_a_day)
        finally:
            stop_embedded(Path(folder))
    for title, (events, plain, first, idle) in (("small", small), ("fourfold", large)):
        print(f"{title}: {events:,} events; first pass {first:.2f} s ({events / first:,.0f} events a second),")
        print(f"  {first / plain:.1f} times a plain COPY of the same rows; a pass without news {idle:.2f} s")
    grown, history = large[3] / small[3], large[0] / small[0]
    print(f"a pass without news takes {grown:.2f} times as long when the history is {history:.1f} times as long")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory at most {peak:.0f} MB, the made-up history in this process included")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 40.0)
