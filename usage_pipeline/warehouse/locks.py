"""Locks that whoever only reads cannot take: rows of usage.lock, on which readers have no rights."""

from enum import StrEnum

from usage_pipeline.warehouse.connection import Connection


class Lock(StrEnum):
    """What is done by one session at a time."""

    ROLL_UP = "roll_up"
    BUDGETS = "budgets"
    PLAN = "plan"
    ENFORCEMENT_CAP = "enforcement_cap"


def lock_until_commit(connection: Connection, lock: Lock) -> None:
    """Waits until nobody else holds the lock; it is held until the caller's transaction ends."""
    connection.execute("SELECT FROM usage.lock WHERE name = %s FOR UPDATE", [lock])
