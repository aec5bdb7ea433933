"""What happened in an edition's days: alerts, overrides, actions and locks, each as it stood when the edition ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True)
class AlertLine:
    """An alert raised in the report's days; ``facts`` as they stand in usage.alert, for its texts."""

    created_at: datetime
    alert_id: str
    kind: str
    level: str
    budget_id: str
    scope_value: str
    scope_name: str
    tier: Decimal
    measure: str | None
    spent: Decimal | None
    limit: Decimal | None
    facts: Mapping[str, object]

    @property
    def percent(self) -> Decimal | None:
        """Returns the tier in per cent; None for kinds that have none (they count their steps by it)."""
        return self.tier if self.kind == "budget" else None


@dataclass(frozen=True)
class ActionLine:
    """Something that enforcement did, or would have done; ``state`` and moments as they stood when the edition ended.

    ``forecast`` and ``spent`` (of the budget's measure), ``tokens`` and ``cost`` are the alert's that caused it.
    """

    at: datetime
    action: str
    target: str
    state: str
    detail: str
    action_id: str
    budget_id: str
    scope_value: str
    scope_name: str
    measure: str
    level: str
    decided_by: str | None
    applied_at: datetime | None
    released_at: datetime | None
    release_why: str | None
    release_by: str | None
    forecast: Decimal | None
    spent: Decimal | None
    tokens: Decimal | None
    cost: Decimal | None


@dataclass(frozen=True)
class OverrideLine:
    """A temporary override of a limit that was requested or decided on in the report's days, or held on them.

    ``state`` is pending, approved, rejected, withdrawn, expired or ended, as it stood when the edition ended.
    """

    override_id: str
    budget_id: str
    scope_value: str
    scope_name: str
    measure: str | None
    raise_by: Decimal | None
    raise_percent: Decimal | None
    reason: str
    state: str
    requested_by: str
    requested_at: datetime
    until: datetime
    decided_by: str | None
    decided_at: datetime | None

    def amount(self, base_limit: Decimal) -> Decimal:
        """Returns what it adds to a configured limit, in the limit's unit; nothing until it is approved."""
        if self.state not in ("approved", "ended"):
            return Decimal(0)
        return self.raise_by if self.raise_by is not None else base_limit * (self.raise_percent or 0) / 100


@dataclass(frozen=True)
class LockLine:
    """A value of a budget that was locked or unlocked in the report's days."""

    budget_id: str
    scope_value: str
    scope_name: str
    locked_at: datetime
    unlocked_at: datetime | None
    unlocked_why: str | None
