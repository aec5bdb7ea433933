"""Workspaces and apps: what there is, and the switches that open and close an app's doors.

Every function raises ConsoleError; those that change something say in OutcomeUnknownError that it may have been done.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from usage_pipeline.console.answers import AppDetail, AppSummary, McpServer, Trigger, Workspace, pages, rows_of, shaped
from usage_pipeline.console.client import Console
from usage_pipeline.console.errors import UnreadableAnswerError

_LONGEST_ID = 60
_ECHOED = ("name", "description", "icon_type", "icon", "icon_background", "use_icon_as_answer_icon")


def workspaces(console: Console) -> list[Workspace]:
    """The workspaces that can be entered: every one by the admin key, else those of the account."""
    if console.by_admin_key:
        return [shaped(Workspace, "GET all-workspaces", row) for row in pages(console, "all-workspaces")]
    rows = rows_of("GET workspaces", console.get("workspaces"), "workspaces")
    found = [shaped(Workspace, "GET workspaces", row) for row in rows]
    return [workspace for workspace in found if workspace.status in (None, "normal")]


def list_apps(console: Console, unreadable: list[str] | None = None) -> Iterator[AppSummary]:
    """The apps of the workspace. One whose row has no id or mode is left out, its id goes to ``unreadable``.

    Raises UnreadableAnswerError for such a row where nobody takes it.
    """
    for row in pages(console, "apps"):
        try:
            yield _listed_app(row)
        except UnreadableAnswerError:
            if unreadable is None:
                raise
            unreadable.append(ascii(str(row.get("id"))[:_LONGEST_ID])[1:-1])


def _listed_app(row: Mapping[str, Any]) -> AppSummary:
    try:
        return shaped(AppSummary, "GET apps", row)
    except UnreadableAnswerError:
        # What only describes an app keeps none of its calls from being counted.
        needed = {"id": row.get("id"), "mode": row.get("mode"), "name": str(row.get("name") or row.get("id"))}
        return shaped(AppSummary, "GET apps", needed)


def app_detail(console: Console, app_id: str) -> AppDetail:
    """One app with its switches."""
    return shaped(AppDetail, f"GET apps/{app_id}", console.get(f"apps/{app_id}"))


def set_api_enabled(console: Console, app_id: str, enabled: bool) -> AppDetail:
    """Opens or closes the service API (owner or admin)."""
    answer = console.change("POST", f"apps/{app_id}/api-enable", {"enable_api": enabled})
    return shaped(AppDetail, f"POST apps/{app_id}/api-enable", answer)


def set_site_enabled(console: Console, app_id: str, enabled: bool) -> AppDetail:
    """Opens or closes the web app (editor or above)."""
    answer = console.change("POST", f"apps/{app_id}/site-enable", {"enable_site": enabled})
    return shaped(AppDetail, f"POST apps/{app_id}/site-enable", answer)


def list_triggers(console: Console, app_id: str) -> list[Trigger]:
    """The triggers of a workflow app (1.10.0 on)."""
    rows = rows_of(f"GET apps/{app_id}/triggers", console.get(f"apps/{app_id}/triggers"))
    return [shaped(Trigger, "GET triggers", row) for row in rows]


def set_trigger_enabled(console: Console, app_id: str, trigger_id: str, enabled: bool) -> Trigger:
    """Switches one trigger on or off (editor or above)."""
    body = {"trigger_id": trigger_id, "enable_trigger": enabled}
    return shaped(Trigger, "POST trigger-enable", console.change("POST", f"apps/{app_id}/trigger-enable", body))


def mcp_server(console: Console, app_id: str) -> McpServer | None:
    """The app's MCP server, if it has one (1.5.0 on). Without one, Dify up to 1.13 answers a server of nulls, later
    versions an empty object."""
    document = console.get(f"apps/{app_id}/server")
    if not document or (isinstance(document, dict) and all(value is None for value in document.values())):
        return None
    return shaped(McpServer, f"GET apps/{app_id}/server", document)


def set_mcp_server_active(console: Console, app_id: str, server: McpServer, active: bool) -> McpServer:
    """Switches the MCP server on or off; description and parameters go back as they were read (editor or above)."""
    body = {
        "id": server.id, "parameters": server.parameters, "description": server.description,
        "status": "active" if active else "inactive",
    }  # fmt: skip
    return shaped(McpServer, "PUT server", console.change("PUT", f"apps/{app_id}/server", body))


def throttle(console: Console, app_id: str, max_active_requests: int | None) -> AppDetail:
    """Caps the calls that run at once; 0 or None is no cap. The rest goes back as it is: Dify resets what is left out,
    which is how a cap becomes null again."""
    detail = app_detail(console, app_id)
    body = {name: getattr(detail, name) for name in _ECHOED} | {"max_active_requests": max_active_requests}
    body = {name: value for name, value in body.items() if value is not None}
    return shaped(AppDetail, f"PUT apps/{app_id}", console.change("PUT", f"apps/{app_id}", body))


def set_model_config(console: Console, app_id: str, config: Mapping[str, Any]) -> None:
    """Replaces the whole configuration of a basic app: a key that is left out falls back to its default."""
    console.change("POST", f"apps/{app_id}/model-config", config)
