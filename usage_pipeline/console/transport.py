"""One exchange with the console: JSON there and back, and clear about whether anything was sent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from usage_pipeline.http.client import HttpClient
from usage_pipeline.http.exchange import HttpAnswer, HttpRequest, Timeouts

TIMEOUTS = Timeouts(connect=5.0, read=30.0, whole=120.0)
LIMIT = 64 * 1024 * 1024
Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True)
class ConsoleRequest:
    """What is asked. ``body`` is sent as JSON; neither it nor the headers are ever shown."""

    method: Method
    path: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: Mapping[str, object] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.method} /console/api/{self.path}"


@dataclass(frozen=True)
class ConsoleAnswer:
    """What came back, whole."""

    status: int
    document: object = field(repr=False)  # None where the body is empty or no JSON
    cookies: Mapping[str, str] = field(repr=False)
    retry_after_s: float | None
    server_time: datetime | None
    readable: bool


class TooLargeError(Exception):
    """The answer is larger than we take."""


class Transport:
    """Sends requests to one address. A changing request always gets a connection of its own: on one that was kept
    alive nobody can tell a request that was lost from one that was carried out."""

    def __init__(self, url: str, timeouts: Timeouts, limit: int = LIMIT) -> None:
        self._url = url
        self._client = HttpClient(timeouts, limit)

    def send(self, request: ConsoleRequest, headers: Mapping[str, str], *, fresh: bool) -> ConsoleAnswer:
        """The answer of whatever status. Raises NothingSentError, NoAnswerError or TooLargeError."""
        answer = self._client.send(self._as_http(request, headers), fresh=fresh)
        if not answer.whole:
            raise TooLargeError
        return _read(answer)

    def close(self) -> None:
        """Lets go of connections."""
        self._client.close()

    def _as_http(self, request: ConsoleRequest, headers: Mapping[str, str]) -> HttpRequest:
        url = f"{self._url}/{request.path}"
        if request.body is None:
            # Dify looks for JSON where it is announced, and refuses an empty body then.
            return HttpRequest(url, None, headers, request.method, request.query)
        body = json.dumps(request.body).encode()
        return HttpRequest(url, body, {"Content-Type": "application/json", **headers}, request.method, request.query)


def _read(answer: HttpAnswer) -> ConsoleAnswer:
    try:
        document, readable = (json.loads(answer.content) if answer.content.strip() else None), True
    except (ValueError, RecursionError):
        document, readable = None, False
    return ConsoleAnswer(answer.status, document, answer.cookies, answer.retry_after_s, answer.server_time, readable)
