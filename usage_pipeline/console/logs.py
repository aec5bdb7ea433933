"""What the console logged of calls: conversations, messages, runs and node executions, newest first. Reads only.

Every function raises ConsoleError. Rows are Dify's own; their texts must not be kept.
"""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from usage_pipeline.console.answers import is_id, pages, rows_of
from usage_pipeline.console.client import Console

Row = dict[str, Any]
_MOST = 100
_log = logging.getLogger(__name__)


def conversations(console: Console, app_id: str) -> Iterator[Row]:
    """Conversations of a chat or agent app, the one that was active last first (editor or above)."""
    path = f"apps/{app_id}/chat-conversations"
    return named(path, pages(console, path, {"sort_by": "-updated_at"}))


def completions(console: Console, app_id: str) -> Iterator[Row]:
    """Conversations of a completion app, each one message, newest first (editor or above)."""
    path = f"apps/{app_id}/completion-conversations"
    return named(path, pages(console, path))


def completion(console: Console, app_id: str, conversation_id: str) -> Row:
    """One of them with its message. Dify notes that it was looked at: its mark as unread in the console goes."""
    return _row(conversation_id, console.get(f"apps/{app_id}/completion-conversations/{conversation_id}"))


def messages(console: Console, app_id: str, conversation_id: str) -> Iterator[list[Row]]:
    """The messages of a conversation in blocks of a hundred, the newest block first."""
    path, first_id = f"apps/{app_id}/chat-messages", ""
    while True:
        query: dict[str, str | int] = {"conversation_id": conversation_id, "limit": _MOST}
        document = console.get(path, {**query, "first_id": first_id} if first_id else query)
        rows = list(named(path, rows_of(f"GET {path}", document)))
        if rows:
            yield rows
        if not rows or not (isinstance(document, dict) and document.get("has_more")):
            return
        first_id = str(rows[0]["id"])


def message(console: Console, app_id: str, message_id: str) -> Row:
    """One message by its id."""
    return _row(message_id, console.get(f"apps/{app_id}/messages/{message_id}"))


def app_logs(console: Console, app_id: str) -> Iterator[Row]:
    """Runs of a workflow app that were not made for debugging, with who asked, newest first."""
    return pages(console, f"apps/{app_id}/workflow-app-logs")


def runs(console: Console, app_id: str, triggered_from: str, *, chatflow: bool) -> Iterator[Row]:
    """Runs of a workflow or chatflow by where they came from (debugging or app-run), newest first."""
    path = f"apps/{app_id}/{'advanced-chat/' if chatflow else ''}workflow-runs"
    last_id = ""
    while True:
        query: dict[str, str | int] = {"triggered_from": triggered_from, "limit": _MOST}
        document = console.get(path, {**query, "last_id": last_id} if last_id else query)
        rows = list(named(path, rows_of(f"GET {path}", document)))
        yield from rows
        if not rows or not (isinstance(document, dict) and document.get("has_more")):
            return
        last_id = str(rows[-1]["id"])


def run(console: Console, app_id: str, run_id: str) -> Row:
    """One run with its graph."""
    return _row(run_id, console.get(f"apps/{app_id}/workflow-runs/{run_id}"))


def node_executions(console: Console, app_id: str, run_id: str) -> list[Row]:
    """Every node execution of a run, with its figures."""
    path = f"apps/{app_id}/workflow-runs/{run_id}/node-executions"
    return list(named(path, rows_of(f"GET {path}", console.get(path))))


def api_keys(console: Console, app_id: str) -> list[Row]:
    """The API keys of an app with their secrets, which must be masked at once."""
    path = f"apps/{app_id}/api-keys"
    return list(named(path, rows_of(f"GET {path}", console.get(path))))


def members(console: Console) -> dict[str, str]:
    """E-mail addresses of the workspace's members by their account ids."""
    path = "workspaces/current/members"
    rows = rows_of(f"GET {path}", console.get(path), "accounts")
    return {str(row["id"]): str(row["email"]) for row in rows if row.get("id") and row.get("email")}


def named(path: str, rows: Iterable[Row]) -> Iterator[Row]:
    """Yields the rows that have an id; what has none cannot be counted once: it is passed over, and the log says so."""
    for row in rows:
        if is_id(row.get("id")):
            yield row
        else:
            _log.warning("GET %a: a row without an id is passed over", path)


def _row(row_id: str, document: object) -> Row:
    """What is said of the row that was asked for, under the id that it was asked for by."""
    return {**(document if isinstance(document, dict) else {}), "id": row_id}
