"""How budgets stood when an edition ended: evaluated again by the configuration that was active then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from usage_pipeline.alerts.message import severity
from usage_pipeline.budgets.evaluate import evaluate, lock_evaluation, with_levels
from usage_pipeline.configuration import VersionThen
from usage_pipeline.reports.document import BudgetLine, Tenant
from usage_pipeline.reports.edition import Edition
from usage_pipeline.reports.happened import OverrideLine
from usage_pipeline.reports.measures import ZERO
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class _Highest:
    budget_id: str
    scope_value: str
    ratio: Decimal
    level: str | None


def evaluated_then(
    connection: Connection, then: VersionThen, edition: Edition, moment: datetime, tenant: Tenant | None
) -> list[BudgetLine]:
    """Returns the budgets as they stood at the moment (aware UTC), what was spent up to the edition's last day.

    Waits for a running evaluation. Whatever it counts is left behind: the transaction is taken back.
    """
    with connection.transaction(force_rollback=True):
        lock_evaluation(connection)
        evaluate(connection, then.settings, [moment], until=edition.period.last)
        parameters = {
            "moment": moment,
            "source": tenant.source if tenant else None,
            "tenant_id": tenant.tenant_id if tenant else None,
        }
        return rows(connection, BudgetLine, with_levels("reports/edition/budgets_then"), parameters)


def of_shorter_periods(
    connection: Connection, known: Sequence[BudgetLine], edition: Edition, span: Mapping[str, datetime]
) -> list[BudgetLine]:
    """Returns budgets of the days within a week or month that reached a tier: the fullest period of each value."""
    if edition.kind == "day":
        return []
    found = rows(connection, BudgetLine, statement("reports/edition/shorter_periods"), span)
    listed = {(line.budget_id, line.scope_value) for line in known}
    return [line for line in found if (line.budget_id, line.scope_value) not in listed]


def at_their_fullest(
    connection: Connection,
    lines: Sequence[BudgetLine],
    overrides: Sequence[OverrideLine],
    span: Mapping[str, datetime],
    names: Settings,
) -> list[BudgetLine]:
    """Returns the lines with the highest ratio and level of the edition's days, what was added, and budgets' names.

    The fullest, within the edition, first.
    """
    found = rows(connection, _Highest, statement("reports/edition/highest"), span)
    highest = {(each.budget_id, each.scope_value): each for each in found}
    called = {budget.id: budget.name or budget.id for budget in names.budgets}
    done = []
    for line in lines:
        top = highest.get((line.budget_id, line.scope_value))
        done.append(
            replace(
                line,
                name=called.get(line.budget_id, line.budget_id),
                added=max(line.limit - line.base_limit, _added(line, overrides)),
                highest_ratio=max(line.ratio, top.ratio) if top else line.ratio,
                highest_level=min(line.level, top.level or "ok" if top else "ok", key=severity),
            )
        )
    return sorted(done, key=lambda line: (-line.highest_ratio, line.budget_id, line.scope_value))


def _added(line: BudgetLine, overrides: Sequence[OverrideLine]) -> Decimal:
    amounts = (
        override.amount(line.base_limit)
        for override in overrides
        if (override.budget_id, override.scope_value) == (line.budget_id, line.scope_value)
        and override.measure in (None, line.measure)
    )
    return sum(amounts, ZERO)


def moment_of(edition: Edition, zone: str, now: datetime) -> datetime:
    """Returns the last moment of an edition in a zone, or now while it runs; aware UTC."""
    return min(edition.ends_at(zone) - timedelta(microseconds=1), now)
