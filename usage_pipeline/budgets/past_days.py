"""Judges past days again, under the configuration in force; tells nobody."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from usage_pipeline.budgets.evaluate import judge, lock_evaluation
from usage_pipeline.configuration import InForce
from usage_pipeline.usage.period_ends import end_of_day
from usage_pipeline.warehouse.connection import Connection


def judge_days(connection: Connection, configuration: InForce, days: Sequence[date]) -> None:
    """Writes budget_status of the periods that the days lie in, as of each day's end (or now); raises no alert."""
    now = datetime.now(UTC)
    for day in days:
        moment = min(end_of_day(day, configuration.settings.timezone), now)
        with connection.transaction():
            lock_evaluation(connection)
            judge(connection, configuration.settings, configuration.version, moment)
