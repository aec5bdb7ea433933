"""What actions are planned for: tiers that budgets have reached, values that are locked, and loops."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from usage_pipeline.budgets.loops import RULE as LOOPS
from usage_pipeline.enforcement.registry import KINDS
from usage_pipeline.enforcement.state import LOOP
from usage_pipeline.settings import Budget, Settings, Tier
from usage_pipeline.settings.enforcement import ActionName, Mode
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement

TIER, LOCK = "tier", "lock"


@dataclass(frozen=True)
class Wanted:
    """What the active configuration asks for because of a cause; without a budget it is about a loop's project."""

    actions: Sequence[ActionName]
    mode: Mode
    budget: Budget | None = None


@dataclass(frozen=True)
class Cause:
    """A tier that was reached, a value that was locked or a loop, and how it stands; None where nothing stands.

    ``source`` and ``app_id`` are the project of a loop.
    """

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
    source: str | None
    app_id: str | None
    at: datetime

    @property
    def is_loop(self) -> bool:
        """Returns whether it is a loop."""
        return self.tier_on == LOOP

    def wanted(self, settings: Settings) -> Wanted | None:
        """Returns what the active configuration asks for because of it; None for nothing."""
        if self.is_loop:
            actions = settings.loops.actions
            return Wanted(actions, settings.enforcement.mode) if actions else None
        budget = next((budget for budget in settings.budgets if budget.id == self.budget_id), None)
        tier = self._tier_of(settings, budget) if budget else None
        actions_of_tier = self._actions_of(tier) if tier else []
        return Wanted(actions_of_tier, settings.mode_of(tier), budget) if tier and actions_of_tier else None

    def _tier_of(self, settings: Settings, budget: Budget) -> Tier | None:
        tiers = settings.tiers_of(budget)
        return next((tier for tier in tiers if tier.at == self.tier and tier.on == self.tier_on), None)

    def _actions_of(self, tier: Tier) -> list[ActionName]:
        """What follows a lock, or a tier."""
        return [action for action in tier.actions if KINDS[action].of_locks == (self.cause == LOCK)]


def unplanned(connection: Connection, now: datetime) -> list[Cause]:
    """Returns those that nothing was planned for yet, the oldest first. ``now`` is aware UTC."""
    return rows(connection, Cause, statement("enforcement/unplanned"), {"now": now})


def tiers_with_actions(settings: Settings) -> list[dict[str, object]]:
    """Returns each budget's tiers that ask for actions, and loops that do, as sql/enforcement/over.sql takes them."""
    loops = {"id": LOOPS, "at": "0", "on": LOOP, "actions": list(settings.loops.actions)}
    return [
        *([loops] if settings.loops.actions else ()),
        *_tiers_of_budgets(settings),
    ]


def _tiers_of_budgets(settings: Settings) -> list[dict[str, object]]:
    return [
        {"id": budget.id, "at": str(tier.at), "on": tier.on, "actions": list(tier.actions)}
        for budget in settings.budgets
        for tier in settings.tiers_of(budget)
        if tier.actions
    ]
