"""How fast a first reading is, against the least that any loader does, and against a loader that people use.

Run: .venv/bin/python benchmarks/first_read.py [messages, default 200000] [workflow runs of five nodes, default 0]
The least is a COPY of sixteen columns into a table, merged into a keyed one; the other loader is dlt with its fastest
back end. Both read the same rows on the same server in the same run, in turns.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import LiteralString

import psycopg

from benchmarks.figures import SMALL, Figure, Size
from benchmarks.peer import Peer, peer
from benchmarks.servers import Place, most_memory_mb, place, plain_text_of, seconds
from usage_pipeline.pipeline import run_pass
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.rows import rows, values

CONFIG = """
version: 1
timezone: Asia/Shanghai
currency: USD
sources: [{id: main, kind: dify, url_env: DIFY_DATABASE_URL}]
recipients: {ops: {channel: wecom, secret_env: URL}}
tiers: [{at: 100, level: emergency, notify: [ops]}]
reading: {pass_deadline_seconds: 3600}
budgets:
  - {id: company, scope: {}, period: month, limit: {tokens: 900000000000}}
  - {id: apps, scope: {project: "*"}, per: project, period: day, limit: {tokens: 900000000}}
  - {id: callers, scope: {caller: "*"}, per: caller, period: day, limit: {tokens: 900000000}}
  - {id: models, scope: {model: "*"}, per: model, period: week, limit: {cost: 9000000}}
"""
_LARGEST_DAY: LiteralString = (
    "SELECT usage_date, count(*) AS events FROM usage.usage_event GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
)
# Of the sum of both; of its rows a second; of the plain GROUP BYs of the same groups; MB of the reading process.
AT_MOST_THE_LEAST, AT_LEAST_DLT, AT_MOST_GROUPED, MOST_MB = 1.5, 3.0, 2.0, 150.0
DAY_OF_100_000_S = 0.3


@dataclass(frozen=True)
class _Day:
    usage_date: date
    events: int


def measure(size: Size, folder: Path) -> list[Figure]:
    """Returns the figures of messages, of workflow nodes, and of rebuilding the daily tables."""
    with place(folder) as found:
        figures = held_against_dlt(found, size)
        figures += read_whole(found, size.messages, 0, rolled_up=True)
        return figures + read_whole(found, 0, size.runs)


def held_against_dlt(found: Place, size: Size) -> list[Figure]:
    """Returns rows a second of ours and of dlt's, of as many messages and of nodes, in turns."""
    figures = []
    with peer(found.folder) as other:
        for title, rows_of, made in (
            ("messages", "piped_messages", {"messages": size.round_rows}),
            ("workflow nodes", "piped_nodes", {"runs": size.round_rows // 10}),
        ):
            dify = found.dify("few", **made)
            with psycopg.connect(dify) as connection:
                connection.execute(f"CREATE TABLE peer AS {plain_text_of(rows_of)}".encode())
                counted = connection.execute("SELECT count(*) FROM peer").fetchone()
            many = int(counted[0]) if counted else 0
            ours, theirs = [], []
            for _ in range(size.rounds):
                ours.append(first_pass(found, dify, found.warehouse("few_read"))[0])
                theirs += _of_peer(found, dify, other)
            figures.append(
                Figure(f"First reading of {many:,} {title}, counted and evaluated", many / median(ours), "rows/s",
                       f"dlt {other.version} ({other.back_end})" if other else "",
                       many / median(theirs) if theirs else None,
                       at_least=AT_LEAST_DLT if theirs else None, quoted=True)
            )  # fmt: skip
            found.drop("few", "few_read", "peer")
    return figures


def _of_peer(found: Place, dify: str, other: Peer | None) -> Sequence[float]:
    return [other.seconds(dify, found.database("peer"), "peer")] if other else []


def read_whole(found: Place, messages: int, runs: int, *, rolled_up: bool = False) -> list[Figure]:
    """Returns what a first reading of all takes, against the least before and after it; and what follows from it."""
    dify, warehouse = found.dify("dify", messages=messages, runs=runs), found.warehouse("warehouse")
    rows_of = "piped_messages" if messages else "piped_nodes"
    least = [the_least(found, dify, rows_of)]
    first, second = first_pass(found, dify, warehouse)
    memory = most_memory_mb()
    least.append(the_least(found, dify, rows_of))
    many = messages + 5 * runs
    title = f"{many:,} {'messages' if messages else 'workflow nodes'}"
    figures = [
        Figure(f"First reading of {title}", first, "s", "COPY pipe and keyed merge", mean(least), AT_MOST_THE_LEAST,
               quoted=True),
        Figure(f"First reading of {title}", many / first, "rows/s"),
        Figure(f"The process that read {title}", memory, "MB", at_most=MOST_MB),
        Figure(f"A pass right after it, of {title}", second, "s"),
    ]  # fmt: skip
    if rolled_up:
        with connected(warehouse) as connection:
            figures += rebuilt(connection)
    found.drop("dify", "warehouse")
    return figures


def the_least(found: Place, dify_url: str, rows_of: str) -> float:
    """Returns seconds of a COPY of 16 columns from Dify into an unlogged table, and of its merge into a keyed one."""
    columns = ", ".join(f"c{number} text" for number in range(1, 16))
    with psycopg.connect(dify_url) as dify, psycopg.connect(found.database("least")) as warehouse:
        warehouse.execute(f"CREATE UNLOGGED TABLE piped (id uuid, {columns})".encode())
        warehouse.execute(f"CREATE TABLE keyed (id uuid PRIMARY KEY, {columns})".encode())
        warehouse.commit()
        began = time.perf_counter()
        with (
            dify.cursor().copy(f"COPY ({plain_text_of(rows_of)}) TO STDOUT".encode()) as out,
            warehouse.cursor().copy("COPY piped FROM STDIN") as into,
        ):
            for block in out:
                into.write(block)
        warehouse.commit()
        warehouse.execute("INSERT INTO keyed SELECT * FROM piped ON CONFLICT (id) DO UPDATE SET c1 = excluded.c1")
        warehouse.commit()
        took = time.perf_counter() - began
    found.drop("least")
    return took


def first_pass(found: Place, dify: str, warehouse: str) -> tuple[float, float]:
    """Returns seconds of the first pass over a Dify, and of one right after it."""
    config = found.configured(CONFIG, dify)
    with connected(warehouse) as connection:

        def a_pass(sweep: bool) -> None:
            summary = run_pass(connection, config, by="benchmark", deliver=False, sweep=sweep)
            assert not summary.source_errors, summary.source_errors

        return seconds(lambda: a_pass(True)), seconds(lambda: a_pass(False))


def rebuilt(connection: Connection) -> list[Figure]:
    """Returns what it takes to make the daily tables again, all of them and those of one day."""
    every = values(connection, date, "SELECT DISTINCT usage_date FROM usage.usage_event ORDER BY 1")
    grouped = [statement for statement in plain_text_of("grouped").split(";") if statement.strip()]

    def plainly() -> float:
        return seconds(lambda: [connection.execute(statement.encode()) for statement in grouped])

    least = [plainly()]
    whole = seconds(lambda: roll_up(connection, every))
    least.append(plainly())
    day, events = _largest_day(connection)
    one = median([seconds(lambda: roll_up(connection, [day])) for _ in range(3)])
    limit = max(DAY_OF_100_000_S * events / 100_000, 0.1)
    return [
        Figure(f"All daily tables of {len(every)} days made again", whole, "s", "the plain GROUP BYs", mean(least),
               AT_MOST_GROUPED, quoted=True),
        Figure(f"Those of a day of {events:,} events", one, "s", at_most=limit),
    ]  # fmt: skip


def _largest_day(connection: Connection) -> tuple[date, int]:
    (found,) = rows(connection, _Day, _LARGEST_DAY)
    return found.usage_date, found.events


def main(messages: int, runs: int) -> None:
    """Prints the figures of so many rows."""
    size = replace(SMALL, messages=messages, runs=runs)
    with TemporaryDirectory(prefix="usage-pipeline-benchmark-") as name, place(Path(name)) as found:
        figures = read_whole(found, size.messages, 0, rolled_up=True) if messages else []
        figures += read_whole(found, 0, size.runs) if runs else []
    for figure in figures:
        print(figure.line())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
