"""Holds what was spent against every budget and writes its status, and the alerts of tiers that were reached."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import LiteralString

from psycopg import sql

from usage_pipeline.settings import Budget, Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.patterns import like_pattern
from usage_pipeline.warehouse.statements import statement

# A period that has just ended is judged a while longer: calls that were logged late still count, and still alert.
CLOSING_TIME = timedelta(hours=6)


@dataclass(frozen=True)
class Reached:
    """A tier that a budget's value has reached and that nobody was told of yet; amounts as decimal text."""

    budget_id: str
    scope_value: str
    scope_name: str
    scope: Mapping[str, str]
    period: str
    zone: str
    period_start: datetime
    period_end: datetime
    measure: str
    spent: str
    limit: str
    ratio: str
    forecast: str | None
    tokens: str
    cost: str
    tier: str
    level: str


@dataclass
class Evaluation:
    """What one evaluation found."""

    rows: int = 0
    levels: dict[str, int] = field(default_factory=dict)
    reached: list[Reached] = field(default_factory=list)


def evaluate_budgets(connection: Connection, settings: Settings, version: int, as_of: datetime) -> Evaluation:
    """Writes budget_status of every budget's current period (and of one that ended within CLOSING_TIME).

    Runs inside the caller's transaction, which also writes the alerts of ``reached``: an alert stands exactly if the
    status that found it stands. Evaluations wait for each other. ``as_of`` is aware UTC.
    """
    found = Evaluation()
    lock_evaluation(connection)
    for moment in (as_of - CLOSING_TIME, as_of):
        judge(connection, settings, version, moment, judged_at=as_of)
        found.reached += _reached(connection, settings)
    for level, rows in connection.execute("SELECT level, count(*) FROM stage_status GROUP BY level"):
        found.levels[str(level)] = int(str(rows))
    found.rows = sum(found.levels.values())
    # Both moments may lie in one period: a tier is reached once.
    found.reached = list({(r.budget_id, r.scope_value, r.period_start, r.tier): r for r in found.reached}.values())
    return found


def lock_evaluation(connection: Connection) -> None:
    """Waits for another evaluation to end; held until the transaction ends."""
    connection.execute(statement("budgets/staging"))
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('usage_pipeline.budgets', 0))")


def judge(
    connection: Connection, settings: Settings, version: int, as_of: datetime, judged_at: datetime | None = None
) -> None:
    """Fills stage_status and writes budget_status of the periods that ``as_of`` lies in; tells nobody.

    ``judged_at`` is the moment that forecasts start from, if not ``as_of`` itself.
    """
    connection.execute("TRUNCATE stage_spent, stage_status")
    for budget in settings.budgets:
        connection.execute(_spent(), {**scope_parameters(settings, budget), "as_of": as_of})
        if budget.per is None:
            connection.execute(
                statement("budgets/empty_budget"), {**scope_parameters(settings, budget), "as_of": as_of}
            )
    connection.execute(
        statement("budgets/judge"),
        {
            "budgets": _budgets_json(settings),
            "as_of": as_of,
            "judged_at": judged_at or as_of,
            "config_version": version,
        },
    )


def scope_parameters(settings: Settings, budget: Budget) -> dict[str, object]:
    """The variables of sql/budgets/in_scope.sql for a budget."""
    scope = budget.scope
    return {
        "budget_id": budget.id,
        "per": budget.per or "",
        "period": budget.period,
        "zone": _zone(settings, budget),
        "estimated": budget.include_estimated,
        "tenants": _patterns(scope.tenant),
        "environments": _patterns(scope.environment),
        "projects": _patterns(scope.project),
        "api_keys": _patterns(scope.api_key),
        "callers": _patterns(scope.caller),
        "providers": _patterns(scope.provider),
        "models": _patterns(scope.model),
    }


@cache
def in_scope(relation: LiteralString) -> LiteralString:
    """The FROM and WHERE of rows that a budget takes in, of usage.daily_usage or usage.usage_event."""
    fragment = statement("budgets/in_scope").replace(":relation", relation)
    return fragment.replace(":scope_value", statement("budgets/scope_value"))


@cache
def _spent() -> sql.SQL:
    return sql.SQL(statement("budgets/spent").replace(":in_scope", in_scope("usage.daily_usage")))


def _zone(settings: Settings, budget: Budget) -> str:
    """The zone that periods are cut in: a single tenant's own, else the configuration's."""
    names = budget.scope.tenant
    if names and len(names) == 1:
        return settings.zone_of_tenant(names[0], names[0])
    return settings.timezone


def _patterns(globs: Sequence[str] | None) -> list[str] | None:
    return [like_pattern(glob) for glob in globs] if globs is not None else None


def _budgets_json(settings: Settings) -> str:
    return json.dumps(
        [
            {
                "id": budget.id,
                "period": budget.period,
                "limits": {name: str(limit) for name, limit in budget.limit.measures().items()},
                "tiers": [{"at": str(tier.at), "level": tier.level} for tier in settings.tiers_of(budget)],
            }
            for budget in settings.budgets
        ]
    )


def _reached(connection: Connection, settings: Settings) -> list[Reached]:
    rows = connection.execute(statement("budgets/reached"), {"budgets": _budgets_json(settings)})
    return [_as_reached(row) for row in rows]


def _as_reached(row: tuple[object, ...]) -> Reached:
    (budget_id, scope_value, scope_name, scope, period, zone, start, end, measure, spent, limit, ratio, forecast,
     tokens, cost, tier, level) = row  # fmt: skip
    if not isinstance(start, datetime) or not isinstance(end, datetime) or not isinstance(scope, dict):
        raise TypeError("sql/budgets/reached.sql gives other columns than expected")
    return Reached(
        budget_id=str(budget_id),
        scope_value=str(scope_value),
        scope_name=str(scope_name),
        scope={str(key): str(value) for key, value in scope.items()},
        period=str(period),
        zone=str(zone),
        period_start=start,
        period_end=end,
        measure=str(measure),
        spent=str(spent),
        limit=str(limit),
        ratio=str(ratio),
        forecast=None if forecast is None else str(forecast),
        tokens=str(tokens),
        cost=str(cost),
        tier=str(tier),
        level=str(level),
    )
