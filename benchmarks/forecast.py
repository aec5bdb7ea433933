"""How near forecasts come: the demo's 60 days replayed, each day, week and month foreseen before it is over.

Run: .venv/bin/python benchmarks/forecast.py [seed ...; the demo's and three others by default]
Only what lay before a moment is known at it. Prints the mean absolute error of the forecast and of the straight line,
and how many outcomes lie within the interval that is to hold 80 % of them: by history, and of all of them together.
Sixty days hold one whole month, a single outcome of each project: one history alone says little of months.
"""

import os
import sys
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import psycopg

from usage_pipeline.budgets.evaluate import evaluate_budgets
from usage_pipeline.configuration import active_configuration
from usage_pipeline.demo.play import SEED
from usage_pipeline.fake_dify.history import build_history
from usage_pipeline.fake_dify.schema import create_dify_schema
from usage_pipeline.fake_dify.write import write_history
from usage_pipeline.pipeline import run_pass
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline.warehouse.embedded import create_database, start_embedded, stop_embedded
from usage_pipeline.warehouse.schema import migrate

ZONE = ZoneInfo("Asia/Shanghai")
HOURS = (6, 9, 12, 15, 18, 21)
CONFIG = """version: 1
timezone: Asia/Shanghai
currency: CNY
exchange_rates: {USD: 7.10}
budgets:
"""
Key = tuple[str, str, datetime]
Comparison = tuple[float, float, bool]


def configuration(folder: Path, first: date) -> Path:
    """Budgets of the company and of each project, of tokens and of cost, by day, week, month and any thirty days."""
    windows = [(first + timedelta(days=start), first + timedelta(days=start + 30)) for start in (7, 11, 15, 19, 23, 27)]
    periods = {name: name for name in ("day", "week", "month")}
    periods |= {f"thirty.{start:%m%d}": f"{{from: {start}, to: {end}}}" for start, end in windows}
    lines = [
        f"  - {{id: {name}-{title}-{measure}, {per} period: {period}, limit: {{{measure}: 1000000}}}}"
        for title, period in periods.items()
        for measure in ("tokens", "cost")
        for name, per in (("company", ""), ("project", "per: project,"))
    ]
    path = folder / "forecast.yaml"
    path.write_text(CONFIG + "\n".join(lines), encoding="utf-8")
    return path


def replay(warehouse: Connection, config: Path, first: date, last: date) -> dict[Key, list[tuple[float, ...]]]:
    """Forecast, straight line, low and high of each value and period, at each moment that it was foreseen."""
    force = active_configuration(warehouse, config)
    warehouse.execute("CREATE TEMP TABLE every_event AS SELECT * FROM usage.usage_event ORDER BY occurred_at")
    warehouse.execute(
        "TRUNCATE usage.usage_event, usage.daily_usage, usage.daily_hour_usage, usage.rolled_day, usage.budget_status,"
        " usage.budget_rhythm, usage.budget_definition CASCADE"
    )
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    found: dict[Key, list[tuple[float, ...]]] = defaultdict(list)
    before = datetime(2000, 1, 1, tzinfo=UTC)
    for day in days:
        # A fortnight is history enough to begin with; the last hour of a day only completes it.
        moments = (
            [datetime.combine(day, time(hour), ZONE) for hour in HOURS] if day >= first + timedelta(days=14) else []
        )
        for moment in [*moments, datetime.combine(day + timedelta(days=1), time(), ZONE)]:
            warehouse.execute(
                "INSERT INTO usage.usage_event SELECT * FROM every_event WHERE occurred_at >= %s AND occurred_at < %s",
                [before, moment],
            )
            before = moment
            # A tenant in another zone may still have yesterday.
            roll_up(warehouse, [day - timedelta(days=1), day])
            if moment.date() == day:
                foresee(warehouse, force.settings, force.version, moment, found)
    return found


def foresee(
    warehouse: Connection, settings: object, version: int, moment: datetime, found: dict[Key, list[tuple[float, ...]]]
) -> None:
    """One evaluation, and what it foresees."""
    with warehouse.transaction():
        evaluate_budgets(warehouse, settings, version, moment)  # type: ignore[arg-type]
    rows = warehouse.execute(
        "SELECT budget_id, scope_value, period_start, forecast, straight_line, forecast_low, forecast_high"
        " FROM usage.budget_status WHERE as_of = %s AND period_start <= %s AND period_end > %s"
        " AND forecast_low IS NOT NULL", [moment, moment, moment],
    ).fetchall()  # fmt: skip
    for budget, value, start, *amounts in rows:
        assert isinstance(start, datetime)
        found[str(budget), str(value), start].append(tuple(float(str(amount)) for amount in amounts))


def outcomes(warehouse: Connection, config: Path, last: date) -> dict[Key, float]:
    """What was spent in each period that is over and lies wholly in the history."""
    force = active_configuration(warehouse, config)
    ends = datetime.combine(last + timedelta(days=1), time(), ZONE)
    found = {}
    for number in range(60):
        moment = ends - timedelta(days=number, seconds=1)
        with warehouse.transaction():
            evaluate_budgets(warehouse, force.settings, force.version, moment)
        rows = warehouse.execute(
            "SELECT budget_id, scope_value, period_start, spent FROM usage.budget_status WHERE period_end <= %s", [ends]
        )
        found |= {
            (str(b), str(v), start): float(str(spent)) for b, v, start, spent in rows if isinstance(start, datetime)
        }
    return found


def compared(foreseen: dict[Key, list[tuple[float, ...]]], actual: dict[Key, float]) -> dict[str, list[Comparison]]:
    """Error of the forecast, error of the straight line, and the interval's hit, by period and measure."""
    found: dict[str, list[Comparison]] = defaultdict(list)
    for key, moments in foreseen.items():
        if key not in actual:
            continue
        was, (_, title, measure) = actual[key], key[0].split("-")
        for forecast, straight, low, high in moments:
            hit = low - 1e-6 <= was <= high + 1e-6
            found[f"{title.split('.')[0]}, {measure}"].append((abs(forecast - was), abs(straight - was), hit))
    return found


def report(title: str, found: dict[str, list[Comparison]]) -> None:
    """Mean absolute errors and the interval's hits, by period and measure."""
    print(title)
    for kind, errors in sorted(found.items()):
        count = len(errors)
        ours, straight = sum(e[0] for e in errors) / count, sum(e[1] for e in errors) / count
        hits = 100 * sum(e[2] for e in errors) / count
        print(f"  {kind}: {count} forecasts; mean absolute error {ours:,.2f}, of the straight line {straight:,.2f}"
              f" ({ours / straight:.2f} of it); {hits:.0f} % of the outcomes within the interval")  # fmt: skip
    every = [error for errors in found.values() for error in errors]
    print(f"  all: {100 * sum(e[2] for e in every) / len(every):.0f} % of {len(every)} outcomes within the interval")


def replayed(seed: int) -> dict[str, list[Comparison]]:
    """Builds the demo's company from a seed, replays its days, and compares what was foreseen with what came."""
    with TemporaryDirectory(prefix="usage-pipeline-benchmark-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = start_embedded(folder)
        try:
            with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
                for database in ("dify", "warehouse"):
                    create_database(connection, database)
            history = build_history(seed, datetime.now(UTC), 60, 8.0)
            dify = connect(server.url("dify"))
            create_dify_schema(dify)
            write_history(dify, history, history.now)
            os.environ["DIFY_DATABASE_URL"] = server.url("dify")
            migrate(server.url("warehouse"))
            warehouse = connect(server.url("warehouse"))
            yesterday = datetime.now(ZONE).date() - timedelta(days=1)
            first = yesterday - timedelta(days=58)
            config = configuration(folder, first)
            run_pass(warehouse, config, by="benchmark", deliver=False)
            foreseen = replay(warehouse, config, first, yesterday)
            return compared(foreseen, outcomes(warehouse, config, yesterday))
        finally:
            stop_embedded(folder)


def main(seeds: list[int]) -> None:
    """Prints each history's figures, then those of all together."""
    together: dict[str, list[Comparison]] = defaultdict(list)
    for seed in seeds:
        found = replayed(seed)
        report(f"seed {seed}", found)
        for kind, errors in found.items():
            together[kind] += errors
    if len(seeds) > 1:
        report("together", together)


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [SEED, 1, 2, 3])
