"""Locks that whoever only reads cannot take: rows of usage.lock, on which readers have no rights."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement


class Lock(StrEnum):
    """What is done by one session at a time."""

    BUDGETS = "budgets"
    PLAN = "plan"
    ENFORCEMENT_CAP = "enforcement_cap"


class DayLock(StrEnum):
    """What is done with a day by one session at a time; other days are for others."""

    ROLL_UP = "roll_up"
    BOOKING = "booking"


def lock_until_commit(connection: Connection, lock: Lock) -> None:
    """Waits until nobody else holds the lock; it is held until the caller's transaction ends."""
    connection.execute("SELECT FROM usage.lock WHERE name = %s FOR UPDATE", [lock])


def lock_days_until_commit(connection: Connection, lock: DayLock, days: Iterable[date]) -> None:
    """Waits until nobody else holds the lock of any of the days; all are held until the caller's transaction ends.

    Taken the oldest first, by everybody: two sessions that share days never wait for each other in a circle, as long
    as a transaction asks once.
    """
    names = [f"{lock}/{day}" for day in sorted(set(days))]
    connection.execute(statement("warehouse/lock_days"), {"names": names})
