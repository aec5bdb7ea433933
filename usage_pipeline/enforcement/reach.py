"""Which apps the actions of a configuration could touch: those that spent in each budget of late."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import psycopg

from usage_pipeline.budgets.definitions import by_event
from usage_pipeline.budgets.evaluate import in_scope_parameters
from usage_pipeline.budgets.loops import RULE as LOOPS
from usage_pipeline.budgets.scope import counted_in_scope
from usage_pipeline.settings import Budget, Settings
from usage_pipeline.settings.budget import Limit
from usage_pipeline.settings.enforcement import AT_DIFY, ActionName, Mode, TargetFacts
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows

DAYS = 30
_PATIENCE_S = 10.0  # for all budgets together
_SHOWN = 5
_VERBS = {"pause_app": "pause", "lock": "lock", "throttle": "throttle", "switch_model": "switch the model of"}


@dataclass(frozen=True)
class Reach:
    """What a tier of a budget may do at apps; of loops ``at`` is None. ``apps`` is None where they are not known."""

    budget: str
    at: str | None
    on: str
    actions: tuple[ActionName, ...]
    mode: Mode
    apps: tuple[str, ...] | None

    def __str__(self) -> str:
        verbs = " and ".join(_VERBS[action] for action in self.actions)
        when = f"at {self.at} % of what is {self.on}" if self.at is not None else "one at a time, when its calls loop"
        return f"{self.budget}: {when}, can {verbs} {_named(self.apps)} (mode {self.mode})"


def _named(apps: Sequence[str] | None) -> str:
    if apps is None:
        return "the apps that spend in it"
    if not apps:
        return f"no app: none spent in it within {DAYS} days"
    more = f" and {len(apps) - _SHOWN} more" if len(apps) > _SHOWN else ""
    return f"{len(apps)} {'app' if len(apps) == 1 else 'apps'}: {', '.join(apps[:_SHOWN])}{more}"


def reach_of(settings: Settings, connection: Connection | None) -> Iterator[Reach]:
    """Returns what each tier of each budget, and the watch for loops, may do at apps.

    Apps are not known without a connection, nor once looking for them has taken too long.
    """
    until = monotonic() + _PATIENCE_S
    for budget in settings.budgets:
        tiers = [(tier, _at_dify(tier.actions)) for tier in settings.tiers_of(budget)]
        acting = [(tier, actions) for tier, actions in tiers if actions and settings.mode_of(tier) != "off"]
        apps = _apps(connection, settings, budget, until) if acting else None
        for tier, actions in acting:
            yield Reach(budget.id, f"{tier.at.normalize():f}", tier.on, actions, settings.mode_of(tier), apps)
    if settings.loops.actions and settings.enforcement.mode != "off":
        every = Budget(id=LOOPS, period="day", limit=Limit(tokens=1))
        apps = _apps(connection, settings, every, until)
        yield Reach(LOOPS, None, "spent", settings.loops.actions, settings.enforcement.mode, apps)


def _at_dify(actions: Sequence[ActionName]) -> tuple[ActionName, ...]:
    return tuple(action for action in actions if action in AT_DIFY)


def _apps(connection: Connection | None, settings: Settings, budget: Budget, until: float) -> tuple[str, ...] | None:
    """The names; None where the warehouse does not say in time, or is of another version."""
    left_ms = int((until - monotonic()) * 1000)
    if connection is None or left_ms <= 0:
        return None
    by_events, today = by_event(budget), settings.today()
    days = [today - timedelta(days=number) for number in range(-1, DAYS)]
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL statement_timeout = {left_ms}".encode())
            parameters = {**in_scope_parameters(connection, budget, {}), "days": days, "by_event": by_events}
            query = counted_in_scope("enforcement/touchable", by_event=by_events)
            found = rows(connection, TargetFacts, query, parameters)
    except psycopg.Error:
        return None
    return tuple(facts.project_name for facts in found if not settings.enforcement.never_touches(facts))
