"""Holds what was spent against every budget, writes its status, and returns which tiers were reached."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import LiteralString

from psycopg import sql

from usage_pipeline.budgets.definitions import definitions_of, scope_parameters
from usage_pipeline.budgets.dimension_sql import with_dimensions
from usage_pipeline.budgets.names import Names, names_of, remember_names
from usage_pipeline.budgets.pace import Extent, note_evaluated, note_looked, pace
from usage_pipeline.settings import Budget, Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.locks import Lock, lock_until_commit
from usage_pipeline.warehouse.rows import rows, value
from usage_pipeline.warehouse.statements import statement

# A period that has just ended is evaluated a while longer: calls that were logged late still count, and still alert.
CLOSING_TIME = timedelta(hours=6)
_STAGES = ", ".join(
    f"stage_{name}"
    for name in ("definition", "condition", "mask", "budget", "limit", "tier", "cut", "span", "stale", "changed_member",
                 "row", "bits", "marked", "taken", "part", "spent", "allowance", "status", "day", "rhythm", "passed")
)  # fmt: skip

# What an evaluation writes down for the next ones: days to be counted, and which values came to fit a budget's names.
_NEWS: LiteralString = "SELECT EXISTS (SELECT FROM stage_stale) OR EXISTS (SELECT FROM stage_changed_member)"


@dataclass(frozen=True)
class Reached:
    """A tier that a budget's value has reached and that nobody was notified of yet.

    ``spent``, ``limit`` and ``forecast`` are in the measure's unit, ``ratio`` is 1 at the limit, ``tier`` in per cent;
    ``tokens`` and ``cost`` are what was spent of either, whatever is limited. Times aware UTC.
    """

    budget_id: str
    scope_value: str
    scope_name: str
    scope: Mapping[str, str]
    period: str
    zone: str
    period_start: datetime
    period_end: datetime
    measure: str
    spent: Decimal
    limit: Decimal
    ratio: Decimal
    forecast: Decimal | None
    tokens: Decimal | None
    cost: Decimal | None
    tier: Decimal
    level: str
    tier_on: str = "spent"
    round: int = 0


@dataclass
class Evaluation:
    """What one evaluation found."""

    rows: int = 0
    levels: dict[str, int] = field(default_factory=dict)
    reached: list[Reached] = field(default_factory=list)


class NotCountedError(Exception):
    """There are days that budgets have to count first; who counts holds the lock of evaluations."""


@dataclass(frozen=True)
class _LevelChange:
    level: str
    was: str | None
    number: int


def evaluate_budgets(
    connection: Connection, settings: Settings, version: int, as_of: datetime, *, everything: bool = True
) -> Evaluation:
    """Writes budget_status of every budget's current period (and of those that ended within CLOSING_TIME).

    Without ``everything``, of the values alone that spent since the last evaluation, as long as nothing but spending
    changed (usage_pipeline/budgets/pace.py). Runs inside the caller's transaction, which also writes the alerts of
    ``reached``: an alert stands exactly if the status that found it stands. Evaluations wait for each other. ``as_of``
    is aware UTC.
    """
    lock_evaluation(connection)
    known = pace(connection, version)
    extent: Extent = "everything" if everything else known.extent(as_of)
    if extent == "nothing":
        note_looked(connection, as_of)
        return _found(Counter(known.levels), [])
    hours = int(CLOSING_TIME / timedelta(hours=1))
    moments = [as_of - timedelta(hours=number) for number in range(hours + 1)]
    names = names_of(connection, settings.budgets)
    remember_names(connection, settings.budgets, names)
    evaluate(connection, settings, moments, passed_at=as_of, names=names, only_touched=extent == "what spent")
    now = {"judged_at": as_of, "config_version": version}
    connection.execute(statement("budgets/tiers"), now)
    levels = Counter[str]() if extent == "everything" else Counter(known.levels)
    for change in rows(connection, _LevelChange, with_levels("budgets/level_changes")):
        levels[change.level] += change.number
        if extent == "what spent" and change.was is not None:
            levels[change.was] -= change.number
    connection.execute(with_levels("budgets/write_status"), now)
    note_evaluated(connection, known, +levels, as_of, extent)
    return _found(+levels, rows(connection, Reached, statement("budgets/reached")))


def _found(levels: Counter[str], reached: list[Reached]) -> Evaluation:
    return Evaluation(levels.total(), dict(sorted(levels.items())), reached)


def lock_evaluation(connection: Connection) -> None:
    """Waits for another evaluation to end; held until the transaction ends."""
    open_evaluation(connection)
    lock_until_commit(connection, Lock.BUDGETS)


def open_evaluation(connection: Connection) -> None:
    """Makes this session's tables of an evaluation."""
    connection.execute(with_dimensions("budgets/staging"))
    # Sums of ten thousand values fit; the default would sort on disk.
    connection.execute("SET LOCAL work_mem = '32MB'")


def evaluate(
    connection: Connection,
    settings: Settings,
    moments: Sequence[datetime],
    *,
    judged_at: datetime | None = None,
    until: date | None = None,
    passed_at: datetime | None = None,
    names: Names | None = None,
    only_touched: bool = False,
    may_count: bool = True,
) -> None:
    """Fills stage_status and stage_passed for the periods that the moments lie in; notifies nobody, writes no status.

    Of rolling windows, only the one at the last moment. ``judged_at`` is the moment that forecasts start from; left
    out: the last one. ``until`` leaves out what was spent on later days; ``passed_at`` leaves out
    periods that ended before it under other terms. Days that changed since they were counted are
    counted first. With ``only_touched``, only values whose spending changed since the last evaluation. Without
    ``may_count`` nothing of the warehouse is written, so that no lock is needed; raises NotCountedError where days
    are to be counted.
    """
    # A transaction begins with empty tables: only a second evaluation in it finds any, and emptying all takes its time.
    if value(connection, bool, "SELECT EXISTS (SELECT FROM stage_definition)"):
        connection.execute(f"TRUNCATE {_STAGES}".encode())
    if not settings.budgets:
        return
    definitions = definitions_of(settings, names or names_of(connection, settings.budgets))
    parameters = definitions.parameters()
    connection.execute(with_dimensions("budgets/definitions"), parameters)
    connection.execute(
        statement("budgets/stale_days"), {"moments": json.dumps([moment.isoformat() for moment in moments])}
    )
    if may_count:
        _count_days(connection, parameters)
    elif value(connection, bool, _NEWS):
        raise NotCountedError
    connection.execute("ANALYZE stage_budget, stage_definition, stage_cut")
    connection.execute(
        with_dimensions("budgets/spent"), {"until": until, "passed_at": passed_at, "only_touched": only_touched}
    )
    connection.execute(statement("budgets/allowances"), {"judged_at": judged_at or max(moments)})
    connection.execute(
        "ANALYZE stage_spent (budget_id, scope_value, period_start), stage_limit, stage_tier, stage_allowance"
    )
    looked_from = {"judged_at": judged_at or max(moments)}
    connection.execute(statement("budgets/evaluate"), looked_from)
    connection.execute("ANALYZE stage_status (budget_id, scope_value, period_start)")
    # What is usual today is kept for the passes: looking back from a past day leaves it alone.
    _foresee(connection, "usage.budget_rhythm" if until is None else "stage_rhythm", looked_from)
    connection.execute(statement("budgets/passed"))
    connection.execute("ANALYZE stage_passed")


def _foresee(connection: Connection, rhythm: LiteralString, looked_from: Mapping[str, object]) -> None:
    connection.execute(_by_rhythm("budgets/rhythm", rhythm), looked_from)
    # Before anything is known for a week, planning to look ahead takes longer than all else of an evaluation.
    if value(connection, bool, f"SELECT EXISTS (SELECT FROM {rhythm} WHERE known_days >= 7)"):
        connection.execute(_by_rhythm("budgets/forecast", rhythm), looked_from)


@dataclass(frozen=True)
class _StaleDays:
    by_event: bool
    days: Sequence[date]


def _count_days(connection: Connection, parameters: Mapping[str, object]) -> None:
    query = (
        "SELECT by_event, array_agg(DISTINCT usage_date) AS days FROM stage_stale GROUP BY by_event ORDER BY by_event"
    )
    for stale in rows(connection, _StaleDays, query):
        counted = "budgets/rows_of_events" if stale.by_event else "budgets/rows_of_days"
        connection.execute(_count(counted), {**parameters, "by_event": stale.by_event, "days": stale.days})


@cache
def _by_rhythm(name: LiteralString, rhythm: LiteralString) -> sql.SQL:
    return sql.SQL(statement(name).replace(":rhythm", rhythm))


@cache
def _count(rows: LiteralString) -> sql.SQL:
    return sql.SQL(with_dimensions("budgets/count_days").replace(":rows", with_dimensions(rows)))


@cache
def with_levels(name: LiteralString) -> sql.SQL:
    """Returns a statement in which each evaluated row has its level."""
    return sql.SQL(statement(name).replace(":levels", statement("budgets/levels")))


def in_scope_parameters(connection: Connection, budget: Budget, scope: Mapping[str, str]) -> dict[str, object]:
    """Returns the variables of sql/budgets/in_scope.sql for one value of a budget."""
    names = names_of(connection, [budget]).by_budget[budget.id]
    return {
        **scope_parameters(names, budget.scope.values(), budget.excluded()),
        "scope": json.dumps(dict(scope)),
    }
