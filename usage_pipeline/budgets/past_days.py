"""Judges past days again, under the configuration in force; tells nobody."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from usage_pipeline.budgets.evaluate import judge, lock_evaluation, with_levels
from usage_pipeline.configuration import InForce
from usage_pipeline.usage.period_ends import end_of_day
from usage_pipeline.warehouse.connection import Connection

_DAYS_A_TRANSACTION = 31


def correct_days(connection: Connection, configuration: InForce, days: Sequence[date]) -> None:
    """Corrects budget_status of the periods that the days lie in, after late usage; raises no alert.

    Only where the same terms judged then, or nobody did: what another version of the file judged stays on record.
    """
    now = datetime.now(UTC)
    for start in range(0, len(days), _DAYS_A_TRANSACTION):
        moments = [_end(day, configuration, now) for day in days[start : start + _DAYS_A_TRANSACTION]]
        with connection.transaction():
            lock_evaluation(connection)
            judge(connection, configuration.settings, moments, judged_at=now)
            connection.execute(
                with_levels("budgets/correct_status"), {"judged_at": now, "config_version": configuration.version}
            )


def what_if_days(connection: Connection, configuration: InForce, days: Sequence[date]) -> None:
    """Writes budget_status_what_if: how budgets would have stood at each day's end under the configuration in force.

    What was in force then stays in budget_status and stands beside it; raises no alert.
    """
    now = datetime.now(UTC)
    for day in days:
        with connection.transaction():
            lock_evaluation(connection)
            judge(connection, configuration.settings, [_end(day, configuration, now)], until=day)
            connection.execute(
                with_levels("budgets/write_what_if"), {"day": day, "config_version": configuration.version}
            )


def judge_days(connection: Connection, configuration: InForce, days: Sequence[date]) -> None:
    """Both: what a backfill of budget_status does."""
    correct_days(connection, configuration, days)
    what_if_days(connection, configuration, days)


def _end(day: date, configuration: InForce, now: datetime) -> datetime:
    return min(end_of_day(day, configuration.settings.timezone), now)
