"""What can be switched at a Dify app, seen alike: named settings that are read, meant to change, and set one by one."""

from collections.abc import Mapping
from typing import Any, Protocol

from usage_pipeline.console.client import Console

# Settings of an app by name: whatever a lever reads, it can set again.
Found = Mapping[str, Any]


class RefusedActionError(Exception):
    """We do not do it, for a reason at Dify; the text says which and what would help."""


class NothingToDoError(RefusedActionError):
    """There is nothing at the app that the action could change."""


class Lever(Protocol):
    """One way to act on an app. Every method may raise ConsoleError."""

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions that hold the same settings, and so must not undo each other."""
        ...

    def read(self, console: Console, app_id: str) -> dict[str, Any]:
        """The settings as they are now."""
        ...

    def meant(self, found: Found) -> dict[str, Any]:
        """What the action makes of them: only what it holds. Raises NothingToDoError."""
        ...

    def settled(self, found: Any, wanted: Any) -> bool:
        """Whether a setting that was just set has taken."""
        ...

    def back(self, before: Any, held: Any) -> Any:
        """What a setting is set to when the action is undone."""
        ...

    def turn(self, console: Console, app_id: str, name: str, value: Any) -> str:
        """Sets one setting; returns the call in words. Raises RefusedActionError."""
        ...
