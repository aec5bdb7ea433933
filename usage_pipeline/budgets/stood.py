"""How a value of a budget stood at a moment that is past: its limit, level, overrides and configuration of then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from usage_pipeline.configuration import ActiveConfiguration, version_then
from usage_pipeline.settings import Budget, Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows, value_or_none
from usage_pipeline.warehouse.statements import statement

NOT_KEPT = "no configuration of then is kept: scope, limit and tiers are those of the active one"
COUNTED_NOW = "spent: what happened until then as it is counted today, with what was logged later or corrected since"
NO_FORECAST = "forecast: the passes' own is kept for now alone"


@dataclass(frozen=True)
class BudgetThen:
    """A budget as the configuration of a moment had it; None where that had no such budget.

    ``is_kept`` is False for a moment before the first version: it is the active one's.
    """

    settings: Settings
    version: int
    budget: Budget | None
    is_kept: bool


@dataclass(frozen=True)
class StoodValue:
    """A value and the period that it is looked at in; what ``rolled_over`` is by measure."""

    scope_value: str
    period: str
    period_start: datetime
    period_end: datetime
    rolled_over: Mapping[str, Decimal]


@dataclass(frozen=True)
class Stood:
    """How a value stood: the measure that decided, its limit with what was added, level, and what is not known."""

    measure: str
    limit: Decimal
    allowance: Sequence[object]
    level: str
    straight_line: Decimal | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Raised:
    override_id: str
    measure: str | None
    raise_by: Decimal | None
    raise_percent: Decimal | None

    def amount(self, limit: Decimal) -> Decimal:
        return self.raise_by if self.raise_by is not None else limit * (self.raise_percent or Decimal(0)) / 100


def budget_then(connection: Connection, configuration: ActiveConfiguration, budget: Budget, at: datetime) -> BudgetThen:
    """Returns a budget of the active configuration as it was configured at ``at`` (aware)."""
    then = version_then(connection, at)
    if then is None or not then.is_of_then:
        return BudgetThen(configuration.settings, configuration.version, budget, is_kept=False)
    found = next((each for each in then.settings.budgets if each.id == budget.id), None)
    return BudgetThen(then.settings, then.version, found, is_kept=True)


def stood(
    connection: Connection,
    then: BudgetThen,
    budget: Budget,
    value: StoodValue,
    spent: Mapping[str, Decimal],
    at: datetime,
) -> Stood:
    """Returns how a value stood at ``at`` (aware), of which ``spent`` had happened, by measure."""
    limits, added = _limits(connection, budget, value, at)
    measure = max(limits, key=lambda name: (spent[name] / limits[name], name))
    notes = (*(() if then.is_kept else (NOT_KEPT,)), COUNTED_NOW, NO_FORECAST)
    ratio = spent[measure] / limits[measure] * 100
    return Stood(
        measure=measure,
        limit=limits[measure],
        allowance=added,
        level=_level(connection, budget, value, at) if then.is_kept else _level_of(then.settings, budget, ratio),
        straight_line=_straight_line(spent[measure], value, at),
        notes=notes,
    )


def _limits(
    connection: Connection, budget: Budget, value: StoodValue, at: datetime
) -> tuple[dict[str, Decimal], list[object]]:
    """The limit of each measure, and what was added to them, as it stands in budget_status."""
    of_value = {"budget_id": budget.id, "scope_value": value.scope_value, "at": at}
    raised = rows(connection, _Raised, statement("budgets/raised_then"), of_value)
    limits: dict[str, Decimal] = {}
    added: list[object] = []
    for measure, limit in budget.limit.measures().items():
        more = {"rollover": value.rolled_over.get(measure, Decimal(0))} if budget.rollover else {}
        more |= {f"raise {each.override_id}": each.amount(limit) for each in raised if each.measure in (None, measure)}
        limits[measure] = limit + sum(more.values(), Decimal(0))
        added += [
            {"measure": measure, "amount": f"{amount:f}", "reason": why} for why, amount in more.items() if amount
        ]
    return limits, added


def _level(connection: Connection, budget: Budget, value: StoodValue, at: datetime) -> str:
    parameters = {
        "budget_id": budget.id,
        "scope_value": value.scope_value,
        "at": at,
        "rolling": value.period.startswith("rolling:"),
        "period_start": value.period_start,
    }
    return value_or_none(connection, str, statement("budgets/level_then"), parameters) or "ok"


def _level_of(settings: Settings, budget: Budget, percent: Decimal) -> str:
    """What the tiers make of what was spent: nobody evaluated it then."""
    passed = [tier for tier in settings.tiers_of(budget) if tier.on == "spent" and percent >= tier.at]
    return max(passed, key=lambda tier: tier.at).level if passed else "ok"


def _straight_line(spent: Decimal, value: StoodValue, at: datetime) -> Decimal | None:
    """What the period would have come to by going on as before; None for a window, which has no end."""
    gone = at - value.period_start
    if value.period.startswith("rolling:") or not gone:
        return None
    return round(spent * Decimal((value.period_end - value.period_start) / gone), 6)
