"""What a handler of the fake console is given and returns, and the words of Dify's errors."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, LiteralString, TypeVar

from psycopg.rows import dict_row

from usage_pipeline.warehouse.connection import Connection

T = TypeVar("T")
ROLES = ("normal", "editor", "admin", "owner")


@dataclass
class Call:
    """One request as it came in, with who makes it and the database that the console shows."""

    method: str
    path: str
    query: Mapping[str, str]
    body: dict[str, Any]
    headers: Mapping[str, str]
    connection: Connection
    version: tuple[int, int, int]
    names: dict[str, str] = field(default_factory=dict)  # the parts of the path that a route names
    account_id: str | None = None
    tenant_id: str = ""
    role: str = ""

    def rows(self, statement: LiteralString, *values: object, **named: object) -> list[dict[str, Any]]:
        """Rows as dictionaries."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement, named or values).fetchall()

    def row(self, statement: LiteralString, *values: object) -> dict[str, Any] | None:
        """The first row."""
        found = self.rows(statement, *values)
        return found[0] if found else None

    def app(self) -> dict[str, Any]:
        """The app that the path names, in the workspace of the caller. Raises DifyError as Dify would."""
        found = self.row(
            "SELECT * FROM apps WHERE id::text = %s AND tenant_id::text = %s", self.names["app"], self.tenant_id
        )
        if found is None:
            raise DifyError(404, "app_not_found", "App not found.")
        return found

    def app_of_mode(self, *modes: str) -> dict[str, Any]:
        """The same, of certain modes only."""
        found = self.app()
        if found["mode"] not in modes:
            raise DifyError(404, "app_not_found", "App mode is not in the supported list.")
        return found

    def number(self, name: str, default: int) -> int:
        """A number of the query. Raises DifyError where Dify would."""
        try:
            value = int(self.query.get(name, default))
        except ValueError:
            value = 0
        if value < 1 or (name == "limit" and value > 100):
            raise DifyError(400, "invalid_param", f"{name} is out of range")
        return value


@dataclass
class Reply:
    """What is answered. ``cookies``: name to value, empty to take one back."""

    status: int
    document: object = None
    cookies: dict[str, str] = field(default_factory=dict)


class DifyError(Exception):
    """An error as Dify answers it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.reply = Reply(status, {"code": code, "message": message, "status": status})


@dataclass(frozen=True)
class Route:
    """A call that the console knows, and the smallest role that may make it."""

    method: str
    path: str  # below /console/api/, with the names of its parts in braces
    handler: Callable[[Call], object]
    role: str = "normal"
    changing: bool = False


def need(call: Call, role: str) -> None:
    """Raises DifyError 403 when the caller's role is smaller."""
    if ROLES.index(call.role) < ROLES.index(role):
        raise DifyError(403, "forbidden", "You don't have the permission to access the requested resource.")


def unix(moment: datetime | None) -> int | None:
    """A naive UTC time as the console answers it: whole seconds."""
    return int(moment.replace(tzinfo=UTC).timestamp()) if moment else None


def loaded(text: object, empty: object = None) -> Any:
    """JSON out of a text column."""
    return json.loads(text) if isinstance(text, str) and text.strip() else empty


def page_of(call: Call, rows: Sequence[T], shown: Callable[[T], object] = lambda row: row) -> dict[str, object]:
    """One page of a list that is numbered by pages, each row as ``shown`` shows it."""
    page, limit = call.number("page", 1), call.number("limit", 20)
    start = (page - 1) * limit
    return {
        "page": page,
        "limit": limit,
        "total": len(rows),
        "has_more": start + limit < len(rows),
        "data": [shown(row) for row in rows[start : start + limit]],
    }
