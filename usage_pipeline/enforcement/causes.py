"""What actions are planned for: tiers that budgets have reached and values that are locked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from usage_pipeline.enforcement.registry import KINDS
from usage_pipeline.settings import Budget, Settings, Tier
from usage_pipeline.settings.enforcement import ActionName
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement

TIER, LOCK = "tier", "lock"


@dataclass(frozen=True)
class Cause:
    """A tier that was reached or a value that was locked, and how its budget stands; None where nothing stands."""

    cause_key: str
    cause: str
    alert_id: str | None
    budget_id: str
    scope_value: str
    scope_name: str | None
    scope: Mapping[str, str] | None
    period: str | None
    zone: str | None
    since: datetime  # period_start of the alert, or when it was locked: sets it apart from the next
    period_start: datetime | None
    period_end: datetime | None
    tier: Decimal
    tier_on: str
    round: int
    level: str
    measure: str | None
    spent: Decimal | None
    limit: Decimal | None
    forecast: Decimal | None
    recipients: list[str]
    over: bool

    def budget_of(self, settings: Settings) -> Budget | None:
        """Returns its budget in the active configuration."""
        return next((budget for budget in settings.budgets if budget.id == self.budget_id), None)

    def tier_of(self, settings: Settings, budget: Budget) -> Tier | None:
        """Returns its tier in the active configuration."""
        tiers = settings.tiers_of(budget)
        return next((tier for tier in tiers if tier.at == self.tier and tier.on == self.tier_on), None)

    def actions_of(self, tier: Tier) -> list[ActionName]:
        """Returns what the tier asks for because of it: what follows a lock, or a tier."""
        return [action for action in tier.actions if KINDS[action].of_locks == (self.cause == LOCK)]


def unplanned(connection: Connection, now: datetime) -> list[Cause]:
    """Returns those that nothing was planned for yet, the oldest first. ``now`` is aware UTC."""
    return rows(connection, Cause, statement("enforcement/unplanned"), {"now": now})


def tiers_with_actions(settings: Settings) -> list[dict[str, object]]:
    """Returns each budget's tiers that ask for actions, as sql/enforcement/over.sql takes them."""
    return [
        {"id": budget.id, "at": str(tier.at), "on": tier.on, "actions": list(tier.actions)}
        for budget in settings.budgets
        for tier in settings.tiers_of(budget)
        if tier.actions
    ]
