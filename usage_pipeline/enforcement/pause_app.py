"""Action `pause_app`: closes and opens an app's doors: service API, web app, each trigger, MCP server."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from usage_pipeline.console import apps
from usage_pipeline.console.client import Console
from usage_pipeline.console.errors import ConsoleError, NotFoundError
from usage_pipeline.enforcement.base import ActionKind, EnforcementAction, NothingToDoError, Unread
from usage_pipeline.enforcement.state import ActionRecord
from usage_pipeline.settings import Settings
from usage_pipeline.settings.enforcement import ActionName
from usage_pipeline.warehouse.connection import Connection

OPEN, CLOSED = "open", "closed"
_TRIGGER = "trigger:"
# What no switch of an app stops.
NOT_STOPPED = ("console", "nested", "in_flight")


class PauseApp:
    """The doors of an app, each open or closed. Only those that are asked for are read."""

    def __init__(self, doors: Sequence[str], also_read: Iterable[str] = ()) -> None:
        self._doors = doors
        self._read = {*doors, *map(_door_of, also_read)}

    @property
    def same_settings(self) -> tuple[ActionName, ...]:
        """A pause and a lock close the same doors."""
        return ("pause_app", "lock")

    def read(self, console: Console, app_id: str) -> dict[str, Any]:
        """Returns each door with `open` or `closed`. Old versions of Dify have neither triggers nor MCP servers.

        A door that cannot be read is Unread, and keeps no other from being closed. Raises ConsoleError when that is so
        of all, NotFoundError when the app is gone.
        """
        found: dict[str, Any] = {}
        errors: list[ConsoleError] = []
        mode = "workflow"
        try:
            detail = apps.app_detail(console, app_id)
        except NotFoundError:
            raise
        except ConsoleError as error:
            errors.append(error)
            found |= {"service_api": Unread(str(error)), "web_app": Unread(str(error))}
        else:
            mode = detail.mode
            found |= {"service_api": _word(detail.enable_api), "web_app": _word(detail.enable_site)}
        if mode == "workflow" and "triggers" in self._read:
            found |= _doors(lambda: _triggers(console, app_id), "triggers", errors)
        if "mcp_server" in self._read:
            found |= _doors(lambda: _mcp_server(console, app_id), "mcp_server", errors)
        if errors and all(isinstance(value, Unread) for value in found.values()):
            raise errors[0]
        return found

    def wanted(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Returns every configured door that was read as closed. Raises NothingToDoError when the app has none."""
        wanted = {name: CLOSED for name, value in found.items() if self._closes(name) and not isinstance(value, Unread)}
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
        return _door_of(name) in self._doors


def _door_of(name: str) -> str:
    """The configuration's word for a door."""
    return "triggers" if name.startswith(_TRIGGER) else name


def _doors(read: Callable[[], dict[str, Any]], name: str, errors: list[ConsoleError]) -> dict[str, Any]:
    """One kind of door; Unread under its own name when it cannot be read, nothing where Dify knows no such thing."""
    try:
        return read()
    except NotFoundError:
        return {}
    except ConsoleError as error:
        errors.append(error)
        return {name: Unread(str(error))}


def _triggers(console: Console, app_id: str) -> dict[str, Any]:
    found = apps.list_triggers(console, app_id)
    return {f"{_TRIGGER}{trigger.id}": _word(trigger.status == "enabled") for trigger in found}


def _mcp_server(console: Console, app_id: str) -> dict[str, Any]:
    server = apps.mcp_server(console, app_id)
    return {"mcp_server": _word(server.status != "inactive")} if server else {}


def _word(is_open: bool) -> str:
    return OPEN if is_open else CLOSED


def configured_pause(_: Connection, settings: Settings, record: ActionRecord) -> EnforcementAction:
    """Returns the pause with the doors that `enforcement.pause` names; what the record closed is read, too."""
    return PauseApp(settings.enforcement.pause, also_read=record.held or ())


PAUSE_APP = ActionKind("pause_app", NOT_STOPPED, configured=configured_pause)
