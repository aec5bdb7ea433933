"""What a pass costs in a process that stays, as history grows: without news, and after a tick of new and changed rows.

Run: .venv/bin/python benchmarks/ticks.py [size: small or full]
A warehouse with a short and one with a long history of events, and a Dify whose look-back is full of unchanged rows.
"""

import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import LiteralString

from benchmarks.figures import Figure, Size
from benchmarks.servers import Place, most_memory_mb, place, print_figures, seconds, statement_of
from usage_pipeline.budgets.evaluate import evaluate_budgets
from usage_pipeline.configuration import active_configuration
from usage_pipeline.pipeline import run_pass
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection, connect, connected
from usage_pipeline.warehouse.rows import values

NEW, CHANGED = 2_000, 500
QUIET_S, TICK_S, GROWS, RUN_S, HELP_S, LIST_S = 0.5, 1.5, 1.2, 2.0, 0.4, 1.0
CONFIG = """
version: 1
timezone: Asia/Shanghai
currency: USD
sources: [{id: main, kind: dify, url_env: DIFY_DATABASE_URL}]
recipients: {ops: {channel: wecom, secret_env: URL}}
tiers: [{at: 100, level: emergency, notify: [ops]}]
"""
BUDGETS = """
budgets:
  - {id: caller-day, scope: {caller: "*"}, per: caller, period: day, limit: {tokens: 900000000}}
  - {id: caller-month, scope: {caller: "*"}, per: caller, period: month, limit: {cost: 900000}}
"""
_SCAN: LiteralString = "SELECT count(*), sum(total_tokens), sum(base_cost) FROM usage.usage_event"
_UNREAD: LiteralString = (
    "SELECT indexrelname::text FROM pg_stat_user_indexes WHERE schemaname = 'usage' AND relname LIKE 'usage_event%'"
    " AND idx_scan = 0"
)


def measure(size: Size, folder: Path) -> list[Figure]:
    """Returns the figures on both histories, and how much the longer one costs."""
    with place(folder) as found:
        figures: list[Figure] = []
        ticks = []
        for events in size.history:
            these, tick = upon(found, size, events)
            figures += these
            ticks.append(tick)
            if events == size.history[-1]:
                figures += of_commands(found, size)
            found.drop("dify", "warehouse")
        short, long = size.history
        against = f"the same upon {short:,} events"
        return [
            *figures,
            Figure(f"A tick upon {long:,} events", ticks[1], "s", against, ticks[0], at_most=GROWS, quoted=True),
        ]


def upon(found: Place, size: Size, events: int) -> tuple[list[Figure], float]:
    """Returns what passes cost upon a history of so many events, and the seconds of a tick."""
    warehouse = found.warehouse("warehouse")
    callers = size.budget_callers
    dify = found.dify("dify", messages=size.unchanged, days=2, ended="15 minutes", callers=callers)
    config = found.configured(CONFIG, dify)
    title = f"upon {events:,} events"
    with connected(warehouse) as connection, connect(dify) as other:
        connection.execute(statement_of("history"), {"events": events, "callers": callers})
        connection.execute("VACUUM ANALYZE usage.usage_event")
        roll_up(connection, values(connection, date, "SELECT DISTINCT usage_date FROM usage.usage_event ORDER BY 1"))
        connection.execute("VACUUM ANALYZE")

        def a_pass() -> None:
            summary = run_pass(connection, config, by="benchmark", deliver=False, sweep=False)
            assert not summary.source_errors, summary.source_errors

        a_pass()
        config.write_text(CONFIG + BUDGETS, encoding="utf-8")
        scans = [seconds(lambda: connection.execute(_SCAN))]
        first, budget_values = evaluated(connection, config)
        scans.append(seconds(lambda: connection.execute(_SCAN)))
        a_pass()
        quiet = median(seconds(a_pass) for _ in range(size.repeats))
        ticks = []
        for _ in range(size.repeats):
            other.execute(statement_of("tick"), {"new": NEW, "changed": CHANGED})
            ticks.append(seconds(a_pass))
        unread = values(connection, str, _UNREAD)
    if unread:
        print(f"nothing read the indexes {', '.join(unread)}", flush=True)
    tick = median(ticks)
    return [
        Figure(f"First evaluation and forecast of {budget_values:,} budget values {title}", first, "s",
               "a plain scan of the events", median(scans)),
        Figure(f"A pass without news {title}, {size.unchanged:,} rows in the look-back", quiet, "s", at_most=QUIET_S,
               quoted=True),
        Figure(f"A tick of {NEW:,} new and {CHANGED} changed rows {title}", tick, "s", at_most=TICK_S, quoted=True),
        Figure(f"The process of these passes {title}", most_memory_mb(), "MB"),
    ], tick  # fmt: skip


def evaluated(connection: Connection, config: Path) -> tuple[float, int]:
    """Returns seconds and rows of the first evaluation of all budgets."""
    active = active_configuration(connection, config)
    found = []

    def evaluate() -> None:
        with connection.transaction():
            found.append(evaluate_budgets(connection, active.settings, active.version, datetime.now(UTC)))

    return seconds(evaluate), found[0].rows


def of_commands(found: Place, size: Size) -> list[Figure]:
    """Returns how long commands take from their start to their end, on the warehouse that is there."""
    programs = Path(sys.executable).parent
    variables = {
        **os.environ,
        "WAREHOUSE_URL": found.server.url("warehouse"),
        "USAGE_PIPELINE_CONFIG": str(found.folder / "c.yaml"),
        "USAGE_PIPELINE_HOME": str(found.folder),
    }

    def took(program: str, *words: str) -> float:
        command = [str(programs / program), *words]
        once = [
            seconds(lambda: subprocess.run(command, env=variables, capture_output=True, check=True, timeout=120))
            for _ in range(size.repeats + 1)
        ]
        return median(once[1:])  # the first one finds nothing in the system's cache

    return [
        Figure("usage-pipeline run without news", took("usage-pipeline", "run"), "s", at_most=RUN_S),
        Figure("usage-pipeline --help", took("usage-pipeline", "--help"), "s", at_most=HELP_S),
        Figure("usage-pipeline alerts list", took("usage-pipeline", "alerts", "list"), "s", at_most=LIST_S),
        Figure("dagster --help, to compare", took("dagster", "--help"), "s"),
    ]


if __name__ == "__main__":
    print_figures(measure)
