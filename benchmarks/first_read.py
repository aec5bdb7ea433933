"""How fast a first reading is, against the least that any loader does: COPY of the rows, merged into a keyed table.

Run: .venv/bin/python benchmarks/first_read.py [messages, default 200000] [workflow runs of five nodes, default 0]
Prints seconds and ratios of one run, interleaved, so that a slow machine does not look like a slow program.
"""

import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from usage_pipeline.fake_dify.schema import create_dify_schema
from usage_pipeline.pipeline import run_pass
from usage_pipeline.settings.environment import project_dir
from usage_pipeline.warehouse.connection import connect
from usage_pipeline.warehouse.embedded import EmbeddedServer, create_database, start_embedded, stop_embedded
from usage_pipeline.warehouse.schema import migrate

SQL = project_dir() / "benchmarks" / "sql"
CONFIG = """
version: 1
timezone: Asia/Shanghai
currency: USD
sources: [{id: main, kind: dify, url_env: DIFY_DATABASE_URL}]
recipients: {ops: {channel: wecom, secret_env: URL}}
tiers: [{at: 100, level: emergency, notify: [ops]}]
budgets:
  - {id: company, scope: {}, period: month, limit: {tokens: 900000000000}}
  - {id: apps, scope: {project: "*"}, per: project, period: day, limit: {tokens: 900000000}}
  - {id: callers, scope: {caller: "*"}, per: caller, period: day, limit: {tokens: 900000000}}
  - {id: models, scope: {model: "*"}, per: model, period: week, limit: {cost: 9000000}}
"""


def floor(dify_url: str, warehouse_url: str, piped_rows: str) -> tuple[float, float]:
    """Seconds of a COPY of 16 columns from Dify into an unlogged table, and of its merge into a keyed one."""
    with psycopg.connect(dify_url) as dify, psycopg.connect(warehouse_url) as warehouse:
        columns = ", ".join(f"c{number} text" for number in range(1, 16))
        warehouse.execute(f"CREATE UNLOGGED TABLE piped (id uuid, {columns})".encode())
        warehouse.execute(f"CREATE TABLE keyed (id uuid PRIMARY KEY, {columns})".encode())
        warehouse.commit()
        began = time.perf_counter()
        with (
            dify.cursor().copy(f"COPY ({statement_of(piped_rows)}) TO STDOUT".encode()) as out,
            warehouse.cursor().copy("COPY piped FROM STDIN") as into,
        ):
            for block in out:
                into.write(block)
        warehouse.commit()
        piped = time.perf_counter() - began
        warehouse.execute("INSERT INTO keyed SELECT * FROM piped ON CONFLICT (id) DO UPDATE SET c1 = excluded.c1")
        warehouse.commit()
        merged = time.perf_counter() - began - piped
        warehouse.execute("DROP TABLE piped, keyed")
        return piped, merged


def measure(server: EmbeddedServer, folder: Path, messages: int, runs: int) -> None:
    """Makes the Dify, reads it once, and prints what that took."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        for database in ("dify", "warehouse", "floor"):
            create_database(connection, database)
    with connect(server.url("dify")) as dify:
        create_dify_schema(dify)
        dify.execute(statement_of("made_dify"), {"messages": messages, "runs": runs})
    rows_of = "piped_messages" if messages > runs else "piped_nodes"
    limits = [floor(server.url("dify"), server.url("floor"), rows_of)]
    os.environ["DIFY_DATABASE_URL"] = server.url("dify")
    config = folder / "config.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    migrate(server.url("warehouse"))
    with connect(server.url("warehouse")) as warehouse:
        began = time.perf_counter()
        summary = run_pass(warehouse, config, by="benchmark", deliver=False)
        first = time.perf_counter() - began
        assert not summary.source_errors, summary.source_errors
        began = time.perf_counter()
        run_pass(warehouse, config, by="benchmark", deliver=False, sweep=False)
        second = time.perf_counter() - began
        row = warehouse.execute("SELECT count(*), sum(total_tokens) FROM usage.usage_event").fetchone()
    limits.append(floor(server.url("dify"), server.url("floor"), rows_of))
    piped, merged = (sum(values) / len(limits) for values in zip(*limits, strict=True))
    rows = messages + 5 * runs
    print(f"{row} from {rows:,} rows: first pass {first:.1f} s, {rows / first:,.0f} rows/s; a second {second:.2f} s")
    print(f"COPY pipe {piped:.1f} s, keyed merge {merged:.1f} s: {first / (piped + merged):.2f} times the two together")


def statement_of(name: str) -> str:
    """Returns a benchmark's own SQL with parameters as the driver takes them."""
    lines = (SQL / f"{name}.sql").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("--"))
    return text.replace("%", "%%").replace(":'messages'", "%(messages)s").replace(":'runs'", "%(runs)s")


def main(messages: int, runs: int) -> None:
    """Runs everything on one embedded server."""
    with TemporaryDirectory(prefix="usage-pipeline-benchmark-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = start_embedded(folder / "server")
        try:
            measure(server, folder, messages, runs)
        finally:
            stop_embedded(folder / "server")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
