"""Action `throttle`: caps how many calls of an app run at once."""

from collections.abc import Mapping
from typing import Any

from usage_pipeline.console import apps
from usage_pipeline.console.client import Console
from usage_pipeline.enforcement.base import ActionKind, EnforcementAction, NothingToDoError
from usage_pipeline.enforcement.state import ActionRecord
from usage_pipeline.settings import Settings
from usage_pipeline.settings.enforcement import ActionName
from usage_pipeline.warehouse.connection import Connection

_CAP = "max_active_requests"


class Throttle:
    """The cap; 0 or null is none, and each is put back as it was."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once

    @property
    def same_settings(self) -> tuple[ActionName, ...]:
        """Only a throttle sets the cap."""
        return ("throttle",)

    def read(self, console: Console, app_id: str) -> dict[str, Any]:
        """Returns the cap now."""
        return {_CAP: apps.app_detail(console, app_id).max_active_requests}

    def wanted(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the configured cap. Raises NothingToDoError when there is a smaller one."""
        now = int(found[_CAP] or 0)
        if 0 < now < self._at_once:
            raise NothingToDoError(f"no more than {now} calls may run at once already")
        return {_CAP: self._at_once}

    def is_set(self, found: Any, wanted: Any) -> bool:
        """Whether it is as it was set; a Dify that keeps no null has 0 instead."""
        return (found or 0) == (wanted or 0)

    def restored(self, before: Any, enforced: Any) -> Any:  # noqa: ARG002  (it does not matter what we had set)
        """Returns it as it was before."""
        return before

    def set_value(self, console: Console, app_id: str, name: str, value: Any) -> str:
        """Sets the cap."""
        apps.throttle(console, app_id, None if value is None else int(value))
        return f"{name}: {'none' if value is None else value}"


def _configured(_: Connection, settings: Settings, __: ActionRecord) -> EnforcementAction:
    return Throttle(settings.enforcement.throttle_to)


THROTTLE = ActionKind("throttle", ("throttle_late", "throttle_beside", "in_flight"), configured=_configured)
