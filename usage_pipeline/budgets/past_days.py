"""Evaluates past days again, under the active configuration; notifies nobody."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from usage_pipeline.budgets.evaluate import evaluate, lock_evaluation, with_levels
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement

_DAYS_A_TRANSACTION = 31


def correct_days(connection: Connection, configuration: ActiveConfiguration, days: Sequence[date]) -> None:
    """Corrects budget_status of the periods that the days lie in, after late usage; raises no alert.

    Only where the same terms evaluated then, or nobody did: what another version of the file evaluated stays on record.
    """
    now = datetime.now(UTC)
    for start in range(0, len(days), _DAYS_A_TRANSACTION):
        moments = [_end(day, configuration, now) for day in days[start : start + _DAYS_A_TRANSACTION]]
        with connection.transaction():
            lock_evaluation(connection)
            evaluate(connection, configuration.settings, moments, judged_at=now)
            connection.execute(
                with_levels("budgets/correct_status"), {"judged_at": now, "config_version": configuration.version}
            )


def what_if_days(
    connection: Connection,
    configuration: ActiveConfiguration,
    days: Sequence[date],
    *,
    progress: Callable[[date], None] | None = None,
) -> None:
    """Writes budget_status_what_if: how budgets would have stood at each day's end under the active configuration.

    What was in force then stays in budget_status and stands beside it; raises no alert.
    """
    now = datetime.now(UTC)
    for day in days:
        with connection.transaction():
            lock_evaluation(connection)
            evaluate(connection, configuration.settings, [_end(day, configuration, now)], until=day)
            connection.execute(
                with_levels("budgets/write_what_if"), {"day": day, "config_version": configuration.version}
            )
        if progress:
            progress(day)


@dataclass(frozen=True)
class WhatIf:
    """A day on which a budget would have reached a tier, and how it stood then; amounts in the measure's unit."""

    day: date
    budget: str
    scope: str
    tier: Decimal
    level: str
    measure: str
    spent: Decimal
    limit: Decimal
    level_then: str | None
    limit_then: Decimal | None
    version_then: int | None


def what_if_alerts(connection: Connection, config_version: int, days: Sequence[date]) -> list[WhatIf]:
    """Returns what :func:`what_if_days` wrote under this version, where a tier would have been reached."""
    parameters = {"config_version": config_version, "days": list(days)}
    return rows(connection, WhatIf, statement("reports/what_if_alerts"), parameters)


def evaluate_days(
    connection: Connection,
    configuration: ActiveConfiguration,
    days: Sequence[date],
    *,
    progress: Callable[[date], None] | None = None,
) -> None:
    """Corrects the days and writes how they would have stood: what a backfill of budget_status does."""
    correct_days(connection, configuration, days)
    what_if_days(connection, configuration, days, progress=progress)


def end_of_day(day: date, zone: str) -> datetime:
    """Returns the last microsecond of the day in the zone, as aware UTC; right on days of 23 and 25 hours too."""
    midnight = datetime.combine(day + timedelta(days=1), time(), tzinfo=ZoneInfo(zone))
    return midnight.astimezone(UTC) - timedelta(microseconds=1)


def _end(day: date, configuration: ActiveConfiguration, now: datetime) -> datetime:
    return min(end_of_day(day, configuration.settings.timezone), now)
