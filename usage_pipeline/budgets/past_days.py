"""Evaluates past days again, under the active configuration; notifies nobody."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import psycopg

from usage_pipeline.budgets.evaluate import NotCountedError, evaluate, lock_evaluation, open_evaluation, with_levels
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
    # What a period leaves to the next is looked up where it was written: one day after the other.
    rolls_over = any(budget.rollover for budget in configuration.settings.budgets)
    together = 1 if rolls_over else _DAYS_A_TRANSACTION
    for start in range(0, len(days), together):
        moments = [_end(day, configuration, now) for day in days[start : start + together]]
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

    What was in force then stays in budget_status and stands beside it; raises no alert. Several may do it at once, and
    beside a pass: a day waits for others only where budgets have to count a day first.
    """
    now = datetime.now(UTC)
    for day in days:
        try:
            _write_what_if(connection, configuration, day, now, alone=False)
        except (NotCountedError, psycopg.errors.SerializationFailure, psycopg.errors.UniqueViolation):
            # There is something to write for all, or somebody else just wrote it.
            _write_what_if(connection, configuration, day, now, alone=True)
        if progress:
            progress(day)


def _write_what_if(
    connection: Connection, configuration: ActiveConfiguration, day: date, now: datetime, *, alone: bool
) -> None:
    with connection.transaction():
        if alone:
            lock_evaluation(connection)
        else:
            # All that is read is of one moment, whatever others count meanwhile.
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            open_evaluation(connection)
        moments = [_end(day, configuration, now)]
        evaluate(connection, configuration.settings, moments, until=day, may_count=alone)
        connection.execute(with_levels("budgets/write_what_if"), {"day": day, "config_version": configuration.version})


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
