"""What an action is: its name, what it cannot stop, and settings of an app that it reads, sets and restores."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from usage_pipeline.console.client import Console
from usage_pipeline.enforcement.state import ActionRecord
from usage_pipeline.settings import Settings
from usage_pipeline.settings.enforcement import ActionName
from usage_pipeline.warehouse.connection import Connection

# Settings of an app by name: whatever an action reads, it can set again.
Found = Mapping[str, Any]


class RefusedActionError(Exception):
    """We do not do it, for a reason at Dify; the text says which and what would help."""


class NothingToDoError(RefusedActionError):
    """There is nothing at the app that the action could change."""


@dataclass(frozen=True)
class Unread:
    """Stands for a setting that could not be read now, and why: it is left alone, and keeps no other from being set."""

    reason: str


class EnforcementAction(Protocol):
    """One way to act on an app, as it is configured now. Every method may raise ConsoleError."""

    @property
    def same_settings(self) -> tuple[ActionName, ...]:
        """The actions that set the same settings, itself among them, and so must not undo each other."""
        ...

    def read(self, console: Console, app_id: str) -> dict[str, Any]:
        """Returns the settings as they are now, in the order in which they are to be set; Unread for what cannot be."""
        ...

    def wanted(self, found: Found) -> dict[str, Any]:
        """Returns what the action makes of those that were read: only what it enforces. Raises NothingToDoError."""
        ...

    def is_set(self, found: Any, wanted: Any) -> bool:
        """Whether a setting that was just set has taken."""
        ...

    def restored(self, before: Any, enforced: Any) -> Any:
        """Returns what a setting is set to when the action is undone."""
        ...

    def set_value(self, console: Console, app_id: str, name: str, value: Any) -> str:
        """Sets one setting; returns the call in words. Raises RefusedActionError."""
        ...


@dataclass(frozen=True)
class ActionKind:
    """A word under ``actions:`` of a tier, and what stands behind it.

    ``not_stopped`` are keys of alerts' words for what goes on whatever it does. An action at Dify is ``configured`` for
    each project that is to be touched; one without is a single request to an outside system, named ``outside``.
    """

    name: ActionName
    not_stopped: tuple[str, ...] = ()
    of_locks: bool = False  # it follows the locking of a value, not its tier
    configured: Callable[[Connection, Settings, ActionRecord], EnforcementAction] | None = None
    outside: Callable[[Settings], str] | None = None
