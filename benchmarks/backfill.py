"""How much sooner two Celery workers make sixty past days again than one, with a real Redis, and that all is the same.

Run: .venv/bin/python benchmarks/backfill.py [size: small or full]
Each run books all events again, for a rate of exchange has changed, and makes daily tables and budgets, on a copy of
one warehouse; one worker, two, and one again. What counts is the run's own time, from its start to its end by Dagster.
"""

import shutil
from datetime import date
from pathlib import Path
from statistics import median
from typing import LiteralString

from benchmarks.figures import Figure, Size
from benchmarks.servers import Place, place, print_figures, statement_of
from usage_pipeline.pipeline import run_pass
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.rows import value, values
from usage_pipeline_tests.support.celery_workers import cluster
from usage_pipeline_tests.support.redis_server import REDIS, running_redis

LIMIT = 0.65
WORKERS = (1, 2, 1)
CALLERS = 200
CONFIG = """
version: 1
timezone: Asia/Shanghai
currency: CNY
exchange_rates: {USD: 7.10}
sources: [{id: main, kind: dify, url_env: DIFY_DATABASE_URL}]
recipients: {ops: {channel: wecom, secret_env: URL}}
tiers: [{at: 100, level: emergency, notify: [ops]}]
budgets:
  - {id: caller-day, scope: {caller: "*"}, per: caller, period: day, limit: {tokens: 900000000}}
  - {id: project-month, per: project, period: month, limit: {cost: 900000}}
"""
_TOOK: LiteralString = "SELECT end_time - start_time FROM runs WHERE status = 'SUCCESS'"
# Every row of what is made, in one number.
_MADE: LiteralString = """SELECT md5(string_agg(made.row, '|' ORDER BY made.row)) FROM (
    SELECT 'usage ' || d::text AS row FROM usage.daily_usage d
    UNION ALL SELECT 'node ' || d::text FROM usage.daily_node_usage d
    UNION ALL SELECT concat_ws(' ', 'status', budget_id, scope_value, period_start, spent, level)
    FROM usage.budget_status
    UNION ALL SELECT concat_ws(' ', 'what if', budget_id, scope_value, usage_date, spent, level)
    FROM usage.budget_status_what_if
    UNION ALL SELECT concat_ws(' ', 'events', usage_date, count(*), sum(total_tokens), sum(base_cost))
    FROM usage.usage_event GROUP BY usage_date) AS made"""


def measure(size: Size, folder: Path) -> list[Figure]:
    """Returns both times; a fault when what was made differs."""
    if REDIS is None:
        raise SystemExit("there is no redis-server: apt install redis-server")
    with place(folder) as found:
        days = counted(found, size.past_events)
        config = folder / "c.yaml"
        config.write_text(CONFIG.replace("7.10", "6.90"), encoding="utf-8")
        took: dict[int, list[float]] = {}
        made = set()
        for number, workers in enumerate(WORKERS):
            seconds, sum_of_all = made_again(found, config, folder / f"run{number}", days, workers)
            took.setdefault(workers, []).append(seconds)
            made.add(sum_of_all)
    assert len(made) == 1, "one worker and two did not make the same"
    title = f"{len(days)} past days of {size.past_events:,} events made again by two Celery workers"
    return [Figure(title, median(took[2]), "s", "by one", median(took[1]), at_most=LIMIT, quoted=True)]


def counted(found: Place, events: int) -> list[date]:
    """Makes the warehouse that is copied; returns its days."""
    url = found.warehouse("counted")
    config = found.configured(CONFIG, found.dify("dify", callers=CALLERS))
    with connected(url) as connection:
        run_pass(connection, config, by="benchmark", deliver=False, sweep=False)
        connection.execute(statement_of("history"), {"events": events, "callers": CALLERS})
        connection.execute("VACUUM ANALYZE usage.usage_event")
        days = values(connection, date, "SELECT DISTINCT usage_date FROM usage.usage_event ORDER BY 1")
        roll_up(connection, days)
        connection.execute("VACUUM ANALYZE")
    return days


def made_again(found: Place, config: Path, folder: Path, days: list[date], workers: int) -> tuple[float, str]:
    """Returns the seconds of a run on so many workers, and what it made, in one word."""
    folder.mkdir()
    url, storage = found.copy("warehouse", "counted"), found.database("dagster")
    with running_redis(folder) as redis:
        ours = cluster(folder, redis, url, storage, config)
        with ours.with_workers(workers), ours.run(days) as run:
            code = run.wait()
        if code:
            raise SystemExit(f"the run ended with exit code {code}:\n{ours.said()[-2000:]}")
    with connected(storage) as connection:
        seconds = value(connection, float, _TOOK)
    with connected(url) as connection:
        made = value(connection, str, _MADE)
    found.drop("warehouse", "dagster")
    shutil.rmtree(folder)
    return seconds, made


if __name__ == "__main__":
    print_figures(measure)
