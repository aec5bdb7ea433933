"""Caps how many calls of an app run at once."""

from collections.abc import Mapping
from typing import Any

from usage_pipeline.console import apps
from usage_pipeline.console.client import Console
from usage_pipeline.enforcement.base import NothingToDoError

_CAP = "max_active_requests"
NOT_STOPPED = ("throttle_late", "throttle_beside", "in_flight")


class Throttle:
    """The cap; 0 is none."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once

    @property
    def actions(self) -> tuple[str, ...]:
        """Only a throttle sets the cap."""
        return ("throttle",)

    def read(self, console: Console, app_id: str) -> dict[str, Any]:
        """The cap now."""
        return {_CAP: apps.app_detail(console, app_id).max_active_requests or 0}

    def meant(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """The configured cap. Raises NothingToDoError when there is a smaller one."""
        now = int(found[_CAP])
        if 0 < now < self._at_once:
            raise NothingToDoError(f"no more than {now} calls may run at once already")
        return {_CAP: self._at_once}

    def settled(self, found: Any, wanted: Any) -> bool:
        """It is as it was set."""
        return bool(found == wanted)

    def back(self, before: Any, held: Any) -> Any:  # noqa: ARG002  (it does not matter what we had set)
        """As it was before."""
        return before

    def turn(self, console: Console, app_id: str, name: str, value: Any) -> str:
        """Sets the cap."""
        apps.throttle(console, app_id, int(value))
        return f"{name}: {value}"
