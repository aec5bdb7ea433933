"""Finds callers that go round in circles: a workflow that calls itself, an agent that tries again and again."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows, value_or_none
from usage_pipeline.warehouse.statements import statement

# Under which rule it stands among what is unusual.
RULE = "loops"


@dataclass(frozen=True)
class Loop:
    """One caller of one project in the last minutes; cost in the base currency, ``since`` aware UTC.

    ``busiest_day`` is how many calls it made on its busiest day of the two weeks before.
    """

    source: str
    app_id: str
    project: str
    caller: str
    since: datetime
    calls: int
    tokens: Decimal
    cost: Decimal
    busiest_day: int

    @property
    def value(self) -> str:
        """Returns what tells it from every other: source, app and caller."""
        return f"{self.source}/{self.app_id}/{self.caller}"


def find_loops(connection: Connection, settings: Settings, version: int, now: datetime) -> list[Loop]:
    """Returns the loops that are new today, and keeps them in usage.anomaly.

    Runs inside the caller's transaction, which also writes the alerts. ``now`` is aware UTC.
    """
    if settings.loops.mode == "off":
        return []
    return [loop for loop in loops(connection, settings, now) if _keep(connection, settings, loop, version, now)]


def loops(connection: Connection, settings: Settings, now: datetime) -> list[Loop]:
    """Returns every caller that goes round in circles at ``now`` (aware UTC), the busiest first."""
    parameters = {
        "now": now,
        "day": settings.today(now),
        "minutes": settings.loops.minutes,
        "at_least": settings.loops.at_least_calls,
        "times": settings.loops.times,
    }
    return rows(connection, Loop, statement("anomalies/loops"), parameters)


def _keep(connection: Connection, settings: Settings, loop: Loop, version: int, now: datetime) -> bool:
    """Whether it is the first time of the day."""
    usual = Decimal(loop.busiest_day * settings.loops.minutes) / 480
    parameters = {
        "rule_id": RULE,
        "value": loop.value,
        "window_start": midnight(settings, now),
        "window_end": now,
        "name": f"{loop.project} · {loop.caller}",
        "measure": "calls",
        "amount": loop.calls,
        "usual": usual,
        "spread": Decimal(1),
        "score": round(loop.calls / max(usual, Decimal(1)), 2),
        "known": 14,
        "now": now,
        "config_version": version,
    }
    return value_or_none(connection, str, statement("anomalies/keep"), parameters) is not None


def midnight(settings: Settings, now: datetime) -> datetime:
    """Returns when the day of ``now`` began in the configuration's zone, aware UTC."""
    return datetime.combine(settings.today(now), time(), ZoneInfo(settings.timezone)).astimezone(UTC)
