"""Why a budget stands as it does: what raised its limit, its largest parts, what happened, which version evaluated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from usage_pipeline.budgets.evaluate import in_scope_parameters
from usage_pipeline.budgets.scope import in_scope
from usage_pipeline.budgets.stood import BudgetThen, StoodValue, stood
from usage_pipeline.settings import Budget
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row, rows, value_or_none
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class Happening:
    """A tier that was reached, resolved or reopened, or a step of an override or lock; times aware UTC."""

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
    known_by: str | None

    @property
    def what(self) -> str:
        """Returns the event in words."""
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


@dataclass(frozen=True)
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
    totals: dict[str, Decimal]
    parts: dict[str, list[tuple[str, Decimal]]]
    audit_log: list[Happening]
    locked_since: datetime | None = None
    notes: tuple[str, ...] = ()  # what cannot be known of a past moment


@dataclass(frozen=True)
class _Value:
    """A row of sql/reports/values_of_budget.sql."""

    scope_value: str
    scope_name: str
    scope: Mapping[str, str]
    period: str
    zone: str
    period_start: datetime
    period_end: datetime
    measure: str
    limit: Decimal
    level: str
    forecast: Decimal | None
    config_version: int
    allowance: Sequence[object]
    straight_line: Decimal | None
    forecast_low: Decimal | None
    forecast_high: Decimal | None
    previous_period: Decimal | None
    trailing_average: Decimal | None
    as_of: datetime
    notes: tuple[str, ...] = ()

    @property
    def rolled_over(self) -> dict[str, Decimal]:
        """What was left of the period before, by measure."""
        entries = [entry for entry in self.allowance if isinstance(entry, Mapping) and entry["reason"] == "rollover"]
        return {str(entry["measure"]): Decimal(str(entry["amount"])) for entry in entries}


@dataclass(frozen=True)
class _Part:
    kind: str
    name: str
    amount: Decimal


def explain(
    connection: Connection, budget: Budget, at: datetime, *, limit: int = 3, scope_value: str | None = None
) -> list[Explanation]:
    """Returns the values with the highest ratios, or the one, in the periods that ``at`` (aware) lies in.

    Spending is counted again from the events up to ``at``; level and forecast are of the last pass that evaluated.
    """
    found = _values(connection, budget.id, at)
    wanted = [value for value in found if scope_value in (None, value.scope_value)]
    return [_explained(connection, budget, at, value) for value in wanted[:limit]]


def explain_then(connection: Connection, then: BudgetThen, at: datetime, *, limit: int = 3) -> list[Explanation]:
    """Returns the values of a budget as they stood at ``at`` (aware), the highest ratio of then first.

    What no pass has evaluated again since stands as the last one left it; of the rest limit, level and overrides are of
    then, and the notes say what is not known. A dozen values are looked at: those that stood highest at last.
    """
    budget = then.budget
    if budget is None:
        return []
    found = [value for value in _values(connection, budget.id, at) if value.period == budget.period_key]
    done = [
        _explained(connection, budget, at, value, then if at < value.as_of else None) for value in found[: limit * 4]
    ]
    return sorted(done, key=lambda each: (-each.ratio, each.scope_name))[:limit]


def _values(connection: Connection, budget_id: str, at: datetime) -> list[_Value]:
    return rows(connection, _Value, statement("reports/values_of_budget"), {"budget_id": budget_id, "at": at})


def _explained(
    connection: Connection, budget: Budget, at: datetime, value: _Value, then: BudgetThen | None = None
) -> Explanation:
    moment = min(at, value.period_end)
    span = {"period_start": value.period_start, "period_end": value.period_end, "at": moment}
    found = _parts(connection, budget, value, span)
    totals = {part.name: part.amount for part in found if part.kind == "total"}
    if then is not None:
        counted_by = value.measure
        value = _value_then(connection, then, budget, value, totals, moment)
        found = found if value.measure == counted_by else _parts(connection, budget, value, span)
    parts: dict[str, list[tuple[str, Decimal]]] = {}
    for part in found:
        if part.kind != "total":
            parts.setdefault(part.kind, []).append((part.name, part.amount))
    spent = totals[value.measure]
    of_value = {"budget_id": budget.id, "scope_value": value.scope_value, **span}
    return Explanation(
        scope_value=value.scope_value,
        scope_name=value.scope_name,
        period=value.period,
        zone=value.zone,
        period_start=value.period_start,
        period_end=value.period_end,
        at=moment,
        measure=value.measure,
        spent=spent,
        limit=value.limit,
        ratio=round(spent / value.limit, 4),
        level=value.level,
        forecast=value.forecast,
        allowance=value.allowance,
        judged_by=_version(connection, value.config_version),
        straight_line=value.straight_line,
        forecast_low=value.forecast_low,
        forecast_high=value.forecast_high,
        previous_period=value.previous_period,
        trailing_average=value.trailing_average,
        totals=totals,
        parts=parts,
        audit_log=rows(connection, Happening, statement("reports/audit_log_of_budget"), of_value),
        locked_since=value_or_none(connection, datetime, statement("locks/locked_at"), of_value),
        notes=value.notes,
    )


def _value_then(
    connection: Connection, then: BudgetThen, budget: Budget, value: _Value, totals: Mapping[str, Decimal], at: datetime
) -> _Value:
    of_then = StoodValue(value.scope_value, value.period, value.period_start, value.period_end, value.rolled_over)
    found = stood(connection, then, budget, of_then, totals, at)
    compared = value.measure == found.measure
    return replace(
        value,
        measure=found.measure,
        limit=found.limit,
        allowance=found.allowance,
        level=found.level,
        config_version=then.version,
        straight_line=found.straight_line,
        notes=found.notes,
        forecast=None,
        forecast_low=None,
        forecast_high=None,
        previous_period=value.previous_period if compared else None,
        trailing_average=value.trailing_average if compared else None,
    )


def _parts(connection: Connection, budget: Budget, value: _Value, span: Mapping[str, object]) -> list[_Part]:
    parameters = {
        **in_scope_parameters(connection, budget, value.scope),
        **span,
        "zone": value.zone,
        "measure": value.measure,
        "estimated": budget.include_estimated,
        "by_the_hour": budget.by_the_hour,
    }
    return rows(connection, _Part, in_scope("reports/parts_of_budget"), parameters)


def _version(connection: Connection, version: int) -> Version:
    found = row(connection, Version, statement("configuration/version"), {"version_id": version})
    return found or Version(version, None, None, None)
