"""What the page of a budget shows: where its values stand, its pools, its periods, and another limit tried on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from usage_pipeline.alerts.recipients import TenantName
from usage_pipeline.budgets.current import CurrentStatus, current_status
from usage_pipeline.settings import Budget, Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement
from usage_pipeline.web.alert_page import recorded_for
from usage_pipeline.web.offers import matter_of
from usage_pipeline.web.pictures import Picture, StandingBar, bar, picture
from usage_pipeline.web.visit import NotYoursError, Sight, Visit, sight_of, tenant_of_scope

_VALUES_SHOWN = 50
_WARNED = Decimal("0.8")
_SLIDER_ENDS_AT = 2


@dataclass(frozen=True)
class PastPeriod:
    """A period of a value, amounts in the measure's unit, ratio 1 at the limit; times aware UTC."""

    period_start: datetime
    period_end: datetime
    zone: str
    measure: str
    spent: Decimal
    limit: Decimal
    ratio: Decimal
    level: str


@dataclass(frozen=True)
class OtherLimit:
    """What another limit would have done: of so many periods how many it ends, and how many come to 80 per cent."""

    limit: Decimal
    most: Decimal
    periods: int
    crossed: int
    warned: int


@dataclass(frozen=True)
class Pool:
    """A budget above or below with one value of it."""

    budget_id: str
    name: str
    status: CurrentStatus
    bar: StandingBar


@dataclass(frozen=True)
class BudgetPage:
    """All that the page of a budget shows."""

    budget: Budget
    values: Sequence[tuple[CurrentStatus, StandingBar]]
    chosen: CurrentStatus | None
    periods: Sequence[PastPeriod]
    picture: Picture | None
    what_if: OtherLimit | None
    pools: Sequence[Pool]


def budget_page(
    connection: Connection,
    settings: Settings,
    visit: Visit,
    budget_id: str,
    chosen: str | None = None,
    limit: Decimal | None = None,
) -> BudgetPage:
    """Returns what the visitor sees of a budget; ``limit`` is tried on the periods of the chosen value.

    Raises NotYoursError when the alert was not sent to the link's recipient, or nothing of the budget is theirs to see.
    """
    alert = recorded_for(connection, visit)
    matter = matter_of(connection, settings, visit, alert)
    budget = next((each for each in settings.budgets if each.id == budget_id), None)
    if budget is None:
        raise NotYoursError
    sight = sight_of(settings, visit.link.recipient, matter.budget_id or None)
    own = matter.scope_value if matter.budget_id == budget_id else None
    values = [
        status
        for status in current_status(connection, [budget_id])
        if status.scope_value == own or _is_theirs(connection, sight, status)
    ]
    if not values:
        raise NotYoursError
    wanted = chosen if chosen is not None else own
    status = next((each for each in values if each.scope_value == wanted), values[0])
    periods = _periods(connection, status)
    return BudgetPage(
        budget=budget,
        values=[(each, bar(each.spent, each.limit, each.forecast)) for each in values[:_VALUES_SHOWN]],
        chosen=status,
        periods=periods,
        picture=_picture(periods),
        what_if=_what_if(status, periods, limit),
        pools=_pools(connection, settings, sight, budget),
    )


def _is_theirs(connection: Connection, sight: Sight, status: CurrentStatus) -> bool:
    return sight.sees(_tenant(connection, status)) if not sight.everything else True


def _tenant(connection: Connection, status: CurrentStatus) -> TenantName | None:
    return tenant_of_scope(connection, status.scope_ids or {})


def _periods(connection: Connection, status: CurrentStatus) -> list[PastPeriod]:
    parameters = {"budget_id": status.budget_id, "scope_value": status.scope_value, "period": status.period}
    return rows(connection, PastPeriod, statement("web/past_periods"), parameters)


def _picture(periods: Sequence[PastPeriod]) -> Picture | None:
    """A column a period, the oldest first, before its limit."""
    ordered = list(reversed(periods))
    if not ordered:
        return None
    return picture([each.spent for each in ordered], [each.limit for each in ordered], len(ordered))


def _what_if(status: CurrentStatus, periods: Sequence[PastPeriod], limit: Decimal | None) -> OtherLimit:
    tried = limit if limit is not None and limit > 0 else status.limit
    most = _SLIDER_ENDS_AT * max([status.limit, *(each.spent for each in periods)])
    return OtherLimit(
        limit=tried,
        most=most.to_integral_value(),
        periods=len(periods),
        crossed=sum(each.spent >= tried for each in periods),
        warned=sum(each.spent >= tried * _WARNED for each in periods),
    )


def _pools(connection: Connection, settings: Settings, sight: Sight, budget: Budget) -> list[Pool]:
    """The pool above and those below, as far as their values are the visitor's to see."""
    near = {each.id: each for each in settings.budgets if budget.parent == each.id or each.parent == budget.id}
    return [
        Pool(status.budget_id, near[status.budget_id].name or status.budget_id, status, bar(status.spent, status.limit))
        for status in current_status(connection, list(near))[:_VALUES_SHOWN]
        if _is_theirs(connection, sight, status)
    ]
