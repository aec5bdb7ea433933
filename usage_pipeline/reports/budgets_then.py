"""How budgets stood when an edition ended: evaluated again by the configuration that was active then."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from usage_pipeline.alerts.message import severity
from usage_pipeline.budgets.evaluate import evaluate, lock_evaluation, with_levels
from usage_pipeline.reports.document import BudgetLine, Tenant
from usage_pipeline.reports.edition import Edition
from usage_pipeline.settings import Settings, SettingsError, parse_settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row, rows
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class VersionThen:
    """The configuration that was active at a moment, and its version."""

    version: int
    settings: Settings


@dataclass(frozen=True)
class _Version:
    version_id: int
    content: str
    path: str


@dataclass(frozen=True)
class _Highest:
    budget_id: str
    scope_value: str
    ratio: Decimal
    level: str | None


def version_then(connection: Connection, moment: datetime, known: int | None = None) -> VersionThen | None:
    """Returns the configuration that was active at a moment (aware UTC); None when none is kept that can be read.

    ``known`` is its version where a report of that moment has said it.
    """
    parameters = {"moment": moment, "known": known}
    found = row(connection, _Version, statement("reports/edition/version_then"), parameters)
    if found is None:
        return None
    try:
        return VersionThen(found.version_id, parse_settings(found.content, found.path))
    except SettingsError:  # it was valid for an older installation
        return None


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


def at_their_fullest(
    connection: Connection, lines: Sequence[BudgetLine], edition: Edition, zone: str, names: Settings
) -> list[BudgetLine]:
    """Returns the lines with the highest ratio and level of the edition's days, and with their budgets' names.

    The fullest, within the edition, first.
    """
    span = {"begins": edition.begins_at(zone), "ends": edition.ends_at(zone)}
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
                highest_ratio=max(line.ratio, top.ratio) if top else line.ratio,
                highest_level=min(line.level, top.level or "ok" if top else "ok", key=severity),
            )
        )
    return sorted(done, key=lambda line: (-line.highest_ratio, line.budget_id, line.scope_value))


def moment_of(edition: Edition, zone: str, now: datetime) -> datetime:
    """Returns the last moment of an edition in a zone, or now while it runs; aware UTC."""
    return min(edition.ends_at(zone) - timedelta(microseconds=1), now)
