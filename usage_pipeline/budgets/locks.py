"""Which budget values are locked: from the tier whose action is `lock` until the period ends or more is approved.

What is locked stands in usage.budget_lock; carrying it out at Dify is enforcement's work.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from usage_pipeline.budgets.audit_log import record_event
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement

LOCK = "lock"


@dataclass(frozen=True)
class LockChange:
    """A value that was locked or unlocked just now, and why."""

    budget_id: str
    scope_value: str
    scope_name: str
    locked: bool
    why: str


def settle_locks(connection: Connection, settings: Settings, now: datetime) -> list[LockChange]:
    """Opens and closes locks by what budget_status says at ``now`` (aware UTC); returns what changed.

    Runs inside the transaction that evaluated the budgets. Safe to run twice.
    """
    tiers = json.dumps(
        [
            {"id": budget.id, "at": str(min(tier.at for tier in locking))}
            for budget in settings.budgets
            if (locking := [tier for tier in settings.tiers_of(budget) if LOCK in tier.actions])
        ]
    )
    parameters = {"tiers": tiers, "now": now}
    changes = rows(connection, LockChange, statement("locks/unlock"), parameters)
    changes += rows(connection, LockChange, statement("locks/lock"), parameters)
    for change in changes:
        what = "locked" if change.locked else "unlocked"
        record_event(connection, now, change.budget_id, change.scope_value, what, detail=change.why)
    return changes
