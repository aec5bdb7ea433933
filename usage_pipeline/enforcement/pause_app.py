"""Action `pause_app`: closes and opens an app's doors: service API, web app, each trigger, MCP server."""

from collections.abc import Mapping, Sequence
from typing import Any

from usage_pipeline.console import apps
from usage_pipeline.console.client import Console
from usage_pipeline.console.errors import NotFoundError
from usage_pipeline.enforcement.base import ActionKind, EnforcementAction, NothingToDoError
from usage_pipeline.enforcement.state import ActionRecord
from usage_pipeline.settings import Settings
from usage_pipeline.settings.enforcement import ActionName
from usage_pipeline.warehouse.connection import Connection

OPEN, CLOSED = "open", "closed"
_TRIGGER = "trigger:"
# What no switch of an app stops.
NOT_STOPPED = ("console", "nested", "in_flight")


class PauseApp:
    """The doors of an app, each open or closed."""

    def __init__(self, doors: Sequence[str]) -> None:
        self._doors = doors

    @property
    def same_settings(self) -> tuple[ActionName, ...]:
        """A pause and a lock close the same doors."""
        return ("pause_app", "lock")

    def read(self, console: Console, app_id: str) -> dict[str, Any]:
        """Returns each door with `open` or `closed`. Old versions of Dify have neither triggers nor MCP servers."""
        detail = apps.app_detail(console, app_id)
        found = {"service_api": _word(detail.enable_api), "web_app": _word(detail.enable_site)}
        if detail.mode == "workflow":
            try:
                triggers = apps.list_triggers(console, app_id)
            except NotFoundError:
                triggers = []
            found |= {f"{_TRIGGER}{trigger.id}": _word(trigger.status == "enabled") for trigger in triggers}
        try:
            server = apps.mcp_server(console, app_id)
        except NotFoundError:
            server = None
        if server:
            found["mcp_server"] = _word(server.status != "inactive")
        return found

    def wanted(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Returns every configured door as closed. Raises NothingToDoError when the app has none of them."""
        wanted = {name: CLOSED for name in found if self._closes(name)}
        if not wanted:
            raise NothingToDoError("it has none of the doors that enforcement.pause names")
        return wanted

    def is_set(self, found: Any, wanted: Any) -> bool:
        """Whether it is as it was set."""
        return bool(found == wanted)

    def restored(self, before: Any, enforced: Any) -> Any:  # noqa: ARG002  (it does not matter what we had set)
        """Returns it as it was before."""
        return before

    def set_value(self, console: Console, app_id: str, name: str, value: Any) -> str:
        """Opens or closes one door."""
        opened = value == OPEN
        if name == "service_api":
            apps.set_api_enabled(console, app_id, opened)
        elif name == "web_app":
            apps.set_site_enabled(console, app_id, opened)
        elif name.startswith(_TRIGGER):
            apps.set_trigger_enabled(console, app_id, name.removeprefix(_TRIGGER), opened)
        else:
            server = apps.mcp_server(console, app_id)
            if server:
                apps.set_mcp_server_active(console, app_id, server, opened)
        return f"{name.removeprefix(_TRIGGER) if name.startswith(_TRIGGER) else name}: {value}"

    def _closes(self, name: str) -> bool:
        return ("triggers" if name.startswith(_TRIGGER) else name) in self._doors


def _word(is_open: bool) -> str:
    return OPEN if is_open else CLOSED


def configured_pause(_: Connection, settings: Settings, __: ActionRecord) -> EnforcementAction:
    """Returns the pause with the doors that `enforcement.pause` names."""
    return PauseApp(settings.enforcement.pause)


PAUSE_APP = ActionKind("pause_app", NOT_STOPPED, configured=configured_pause)
