"""How near forecasts come: the demo's 60 days replayed, each day, week and month foreseen before it is over.

Run: .venv/bin/python benchmarks/forecast.py [seed ...; the demo's and three others by default]
Only what lay before a moment is known at it. Prints the mean absolute error of the forecast and of the straight line,
and how many outcomes lie within the interval that is to hold 80 % of them: by history, and of all of them together.
Sixty days hold one whole month, a single outcome of each project: one history alone says little of months.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import LiteralString
from zoneinfo import ZoneInfo

import pandas as pd
import psycopg

from usage_pipeline.budgets.evaluate import evaluate_budgets
from usage_pipeline.configuration import ActiveConfiguration, active_configuration
from usage_pipeline.demo.play import SEED
from usage_pipeline.fake_dify.history import build_history
from usage_pipeline.fake_dify.schema import create_dify_schema
from usage_pipeline.fake_dify.write import write_history
from usage_pipeline.pipeline import run_pass
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline.warehouse.embedded import create_database, start_embedded, stop_embedded
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.schema import migrate

ZONE = ZoneInfo("Asia/Shanghai")
HOURS = (6, 9, 12, 15, 18, 21)
CONFIG = """version: 1
timezone: Asia/Shanghai
currency: CNY
exchange_rates: {USD: 7.10}
budgets:
"""
_FORESEEN = Path(__file__).parent / "sql" / "foreseen.sql"
_OUTCOMES: LiteralString = (
    "SELECT budget_id, scope_value, period_start, spent::float FROM usage.budget_status WHERE period_end <= %s"
)


@dataclass(frozen=True)
class Foreseen:
    """What was foreseen of a period at one moment."""

    budget_id: str
    scope_value: str
    period_start: datetime
    forecast: float
    straight_line: float
    forecast_low: float
    forecast_high: float


@dataclass(frozen=True)
class Outcome:
    """What was spent in a period that is over."""

    budget_id: str
    scope_value: str
    period_start: datetime
    spent: float


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


def replay(warehouse: Connection, config: Path, first: date, last: date) -> list[Foreseen]:
    """Forecast, straight line, low and high of each value and period, at each moment that it was foreseen."""
    active = active_configuration(warehouse, config)
    warehouse.execute("CREATE TEMP TABLE every_event AS SELECT * FROM usage.usage_event ORDER BY occurred_at")
    warehouse.execute(
        "TRUNCATE usage.usage_event, usage.daily_usage, usage.daily_hour_usage, usage.rolled_day, usage.budget_status,"
        " usage.budget_rhythm, usage.budget_definition CASCADE"
    )
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    found: list[Foreseen] = []
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
                found += foreseen_at(warehouse, active, moment)
    return found


def foreseen_at(warehouse: Connection, active: ActiveConfiguration, moment: datetime) -> list[Foreseen]:
    """One evaluation, and what it foresees."""
    with warehouse.transaction():
        evaluate_budgets(warehouse, active.settings, active.version, moment)
    return rows(warehouse, Foreseen, _FORESEEN.read_bytes(), {"moment": moment})


def outcomes(warehouse: Connection, config: Path, last: date) -> list[Outcome]:
    """What was spent in each period that is over and lies wholly in the history."""
    active = active_configuration(warehouse, config)
    ends = datetime.combine(last + timedelta(days=1), time(), ZONE)
    found: list[Outcome] = []
    for number in range(60):
        moment = ends - timedelta(days=number, seconds=1)
        with warehouse.transaction():
            evaluate_budgets(warehouse, active.settings, active.version, moment)
        found += rows(warehouse, Outcome, _OUTCOMES, [ends])
    return found


def compared(foreseen: Sequence[Foreseen], actual: Sequence[Outcome]) -> pd.DataFrame:
    """A row a forecast whose period is over: its kind, both errors, and whether the outcome lies in its interval."""
    keys = ["budget_id", "scope_value", "period_start"]
    frame = pd.DataFrame(foreseen).merge(pd.DataFrame(actual).drop_duplicates(keys, keep="last"), on=keys)
    parts = frame["budget_id"].str.split("-", expand=True)
    return pd.DataFrame(
        {
            "kind": parts[1].str.split(".").str[0] + ", " + parts[2],
            "error": (frame["forecast"] - frame["spent"]).abs(),
            "straight_error": (frame["straight_line"] - frame["spent"]).abs(),
            "within": frame["spent"].between(frame["forecast_low"] - 1e-6, frame["forecast_high"] + 1e-6),
        }
    )


def report(title: str, found: pd.DataFrame) -> None:
    """Mean absolute errors and the interval's hits, by period and measure."""
    print(title)
    by_kind = found.groupby("kind").agg(
        forecasts=("error", "size"),
        ours=("error", "mean"),
        straight=("straight_error", "mean"),
        hits=("within", "mean"),
    )
    for kind, row in by_kind.iterrows():
        print(
            f"  {kind}: {row['forecasts']:.0f} forecasts; mean absolute error {row['ours']:,.2f}, of the straight line"
            f" {row['straight']:,.2f} ({row['ours'] / row['straight']:.2f} of it);"
            f" {100 * row['hits']:.0f} % of the outcomes within the interval"
        )
    print(f"  all: {100 * found['within'].mean():.0f} % of {len(found)} outcomes within the interval")


def replayed(seed: int) -> pd.DataFrame:
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
    histories = []
    for seed in seeds:
        histories.append(replayed(seed))
        report(f"seed {seed}", histories[-1])
    if len(seeds) > 1:
        report("together", pd.concat(histories))


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [SEED, 1, 2, 3])
