"""Why a budget stands as it does: what raised its limit, its largest parts, what happened, which version evaluated."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from usage_pipeline.budgets.evaluate import in_scope_parameters
from usage_pipeline.budgets.scope import in_scope
from usage_pipeline.settings import Budget
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class Happening:
    """A tier that was reached, resolved or reopened, or a step of a raise or lock; times aware UTC."""

    at: datetime
    kind: str
    by: str
    about: str
    detail: str
    tier_on: str | None
    tier_at: Decimal | None
    level: str | None
    spent: Decimal | None
    limit: Decimal | None
    config_version: int | None

    @property
    def what(self) -> str:
        """The event in words."""
        if self.tier_at is not None:
            return f"{self.kind}: {self.tier_at.normalize():f}% of {self.tier_on}"
        return " ".join(part for part in (self.kind, self.about, f"({self.detail})" if self.detail else "") if part)


@dataclass(frozen=True)
class Version:
    """The configuration that evaluated."""

    version: int
    loaded_at: datetime | None
    changed_by: str | None
    diff: str | None


@dataclass
class Explanation:
    """One value of a budget in one period, as of ``at``."""

    scope_value: str
    scope_name: str
    period: str
    zone: str
    period_start: datetime
    period_end: datetime
    at: datetime
    measure: str
    spent: Decimal
    limit: Decimal
    ratio: Decimal
    level: str
    forecast: Decimal | None
    allowance: Sequence[object]
    judged_by: Version
    straight_line: Decimal | None
    forecast_low: Decimal | None
    forecast_high: Decimal | None
    previous_period: Decimal | None
    trailing_average: Decimal | None
    totals: dict[str, Decimal] = field(default_factory=dict)
    parts: dict[str, list[tuple[str, Decimal]]] = field(default_factory=dict)
    audit_log: list[Happening] = field(default_factory=list)


def explain(connection: Connection, budget: Budget, at: datetime, *, limit: int = 3) -> list[Explanation]:
    """The values with the highest ratios in the periods that ``at`` (aware) lies in.

    Spending is counted again from the events up to ``at``; level and forecast are of the last pass that evaluated.
    """
    rows = connection.execute(
        statement("reports/values_of_budget"), {"budget_id": budget.id, "at": at}
    ).fetchall()[:limit]  # fmt: skip
    return [_explained(connection, budget, at, row) for row in rows]


def _explained(connection: Connection, budget: Budget, at: datetime, row: tuple[object, ...]) -> Explanation:
    (value, name, scope, period, zone, start, end, measure, _, _, limit, _, level, forecast, as_of, version,
     allowance, *more) = row  # fmt: skip
    if not (isinstance(start, datetime) and isinstance(end, datetime) and isinstance(as_of, datetime)):
        raise TypeError("sql/reports/values_of_budget.sql gives other columns than expected")
    if not isinstance(scope, dict) or not isinstance(allowance, list):
        raise TypeError("sql/reports/values_of_budget.sql gives other columns than expected")
    moment = min(at, end)
    found = Explanation(
        scope_value=str(value),
        scope_name=str(name),
        period=str(period),
        zone=str(zone),
        period_start=start,
        period_end=end,
        at=moment,
        measure=str(measure),
        spent=Decimal(0),
        limit=Decimal(str(limit)),
        ratio=Decimal(0),
        level=str(level),
        forecast=_amount(forecast),
        allowance=allowance,
        judged_by=_version(connection, int(str(version))),
        straight_line=_amount(more[0]),
        forecast_low=_amount(more[1]),
        forecast_high=_amount(more[2]),
        previous_period=_amount(more[3]),
        trailing_average=_amount(more[4]),
    )
    span = {"period_start": start, "period_end": end, "at": moment}
    parts = connection.execute(
        in_scope("reports/parts_of_budget"),
        {
            **in_scope_parameters(budget, {str(key): str(part) for key, part in scope.items()}),
            **span,
            "zone": found.zone,
            "measure": found.measure,
            "estimated": budget.include_estimated,
            "by_the_hour": budget.by_the_hour,
        },
    )
    for kind, part, amount, _ in parts:
        if kind == "total":
            found.totals[str(part)] = Decimal(str(amount))
        else:
            found.parts.setdefault(str(kind), []).append((str(part), Decimal(str(amount))))
    found.spent = found.totals[found.measure]
    found.ratio = round(found.spent / found.limit, 4)
    story = connection.execute(
        statement("reports/audit_log_of_budget"), {"budget_id": budget.id, "scope_value": found.scope_value, **span}
    )
    found.audit_log = [_happening(happening) for happening in story]
    return found


def _amount(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _happening(row: tuple[object, ...]) -> Happening:
    at, kind, by, about, detail, tier_on, tier_at, level, spent, limit, version = row
    if not isinstance(at, datetime):
        raise TypeError("sql/reports/audit_log_of_budget.sql gives other columns than expected")
    return Happening(
        at,
        str(kind),
        str(by),
        str(about),
        str(detail),
        None if tier_on is None else str(tier_on),
        _amount(tier_at),
        None if level is None else str(level),
        _amount(spent),
        _amount(limit),
        None if version is None else int(str(version)),
    )


def _version(connection: Connection, version: int) -> Version:
    row = connection.execute(statement("configuration/version"), {"version_id": version}).fetchone()
    loaded, who, diff = row[1:] if row else (None, None, None)
    return Version(
        version,
        loaded if isinstance(loaded, datetime) else None,
        None if who is None else str(who),
        None if diff is None else str(diff),
    )
