"""What goes out and what comes back in one HTTP exchange, and how long it may take. Imports nothing heavy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class Timeouts:
    """Seconds to connect, to wait for the next bytes, and for the exchange from its beginning to its end."""

    connect: float = 5.0
    read: float = 15.0
    whole: float = 30.0


@dataclass(frozen=True)
class HttpRequest:
    """One request, ready to be sent; its URL, body and headers may hold secrets and are never shown."""

    url: str = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    method: Literal["GET", "POST", "PUT", "DELETE"] = "POST"
    query: Mapping[str, str | int] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class HttpAnswer:
    """What came back, of whatever status; ``whole`` is false where it was larger than what is read of one."""

    status: int
    content: bytes = field(default=b"", repr=False)
    retry_after_s: float | None = None
    server_time: datetime | None = None
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    whole: bool = True

    @property
    def text(self) -> str:
        """The content as text; what is no UTF-8 becomes a replacement character."""
        return self.content.decode("utf-8", "replace")


class NothingSentError(Exception):
    """The connection never came about: the other side has seen nothing. The text holds no URL."""


class NoAnswerError(Exception):
    """The request went out, and no whole answer came back; the text says what happened and holds no URL."""


class TooLateError(NoAnswerError):
    """The same, because time was over."""
