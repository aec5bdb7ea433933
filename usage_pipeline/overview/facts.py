"""What an operator looks at first in the morning: today's cost, sources, budgets, alerts, actions, storage."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version
from statistics import median
from zoneinfo import ZoneInfo

from usage_pipeline.budgets.standing import CurrentStanding, standing_now
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.delivery.waiting import Undelivered, undelivered
from usage_pipeline.ingest.health import SourceHealth, source_health
from usage_pipeline.reconciliation.standing import standing as reconciled
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows, value
from usage_pipeline.warehouse.statements import newest_migration, statement

_FRESH_WITHIN = timedelta(minutes=15)
_DAYS_SHOWN = 30
_DAYS_LIKE_IT = 20
_DAYS_RECONCILED = 35
_BUDGETS_SHOWN = 15
LEVELS = ("emergency", "critical", "warning", "info", "ok")


@dataclass(frozen=True)
class DaySpent:
    """A day's cost in the configuration's currency, and how much of it came before the hour that it is now."""

    day: date
    cost: Decimal
    tokens: int
    cost_so_far: Decimal


@dataclass(frozen=True)
class ActionInForce:
    """An action that keeps something closed at Dify."""

    action: str
    target: str | None
    budget_id: str
    applied_at: datetime | None


@dataclass(frozen=True)
class Overview:
    """How everything stands at a moment (aware). Days are of the billing zone, the last is today; sizes are bytes."""

    at: datetime
    timezone: str
    currency: str
    days: list[DaySpent]
    usual_so_far: Decimal | None
    sources: list[SourceHealth]
    days_reconciled: int
    days_that_do_not_fit: list[str]
    levels: dict[str, int]
    budgets: list[CurrentStanding]
    undelivered: Undelivered
    actions: list[ActionInForce]
    warehouse_bytes: int
    versions: dict[str, str]

    @property
    def today(self) -> DaySpent:
        """Returns what was spent today until now."""
        return self.days[-1]

    @property
    def change_percent(self) -> int | None:
        """Returns by how much today lies above (or below) days like it at this hour; None where none is known."""
        if not self.usual_so_far:
            return None
        return round((self.today.cost_so_far / self.usual_so_far - 1) * 100)

    @property
    def lag_minutes(self) -> float | None:
        """Returns how long ago the source that lags most was read to its end; None where one never was."""
        ends = [source.last_success_at for source in self.sources]
        known = [end for end in ends if end is not None]
        if not known or len(known) < len(ends):
            return None
        return round((self.at - min(known)).total_seconds() / 60, 1)


@dataclass(frozen=True)
class _Level:
    level: str
    number: int


def overview(connection: Connection, configuration: ActiveConfiguration, now: datetime | None = None) -> Overview:
    """Returns how everything stands at ``now`` (aware). A few indexed reads; nothing is written."""
    settings, at = configuration.settings, now or datetime.now(UTC)
    local = at.astimezone(ZoneInfo(settings.timezone))
    days = rows(
        connection,
        DaySpent,
        statement("overview/days"),
        {"today": local.date(), "hour": local.hour, "days": _DAYS_SHOWN + 1},
    )
    found = reconciled(connection, _DAYS_RECONCILED)
    levels = {one.level: one.number for one in rows(connection, _Level, statement("overview/levels"))}
    return Overview(
        at=at,
        timezone=settings.timezone,
        currency=settings.currency,
        days=days,
        usual_so_far=_usual(days),
        sources=source_health(connection, [source.id for source in settings.sources], _FRESH_WITHIN),
        days_reconciled=found.days,
        days_that_do_not_fit=found.do_not_fit,
        levels={level: levels.get(level, 0) for level in LEVELS},
        budgets=standing_now(connection, limit=_BUDGETS_SHOWN),
        undelivered=undelivered(connection),
        actions=rows(connection, ActionInForce, statement("overview/actions")),
        warehouse_bytes=value(connection, int, "SELECT pg_database_size(current_database())"),
        versions={
            "usage-pipeline": version("usage-pipeline"),
            "configuration": str(configuration.version),
            "schema": newest_migration(),
        },
    )


def _usual(days: Sequence[DaySpent]) -> Decimal | None:
    """The median of what days like today, by weekday or weekend, had spent at this hour; None for less than three."""
    today = days[-1].day
    alike = [one for one in days[:-1] if (one.day.isoweekday() > 5) == (today.isoweekday() > 5) and one.cost]
    newest = [one.cost_so_far for one in alike[-_DAYS_LIKE_IT:]]
    return median(newest) if len(newest) >= 3 else None
