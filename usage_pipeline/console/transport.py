"""One HTTP exchange with the console: bounded in time and size, and clear about whether anything was sent."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
from requests.auth import AuthBase
from requests.cookies import RequestsCookieJar
from urllib3.exceptions import HTTPError, NewConnectionError

MOST_READ = 64 * 1024 * 1024
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Timeouts:
    """Seconds to connect, to wait for the next bytes, and for a whole answer."""

    connect: float = 5.0
    read: float = 30.0
    whole: float = 120.0


@dataclass(frozen=True)
class Request:
    """What is asked. ``body`` is sent as JSON; neither it nor the headers are ever shown."""

    method: str
    path: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: Mapping[str, object] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.method} /console/api/{self.path}"


@dataclass(frozen=True)
class Answer:
    """What came back, whole."""

    status: int
    document: object = field(repr=False)  # None where the body is empty or no JSON
    cookies: Mapping[str, str] = field(repr=False)
    retry_after_s: float | None
    server_time: datetime | None
    readable: bool


class NothingSentError(Exception):
    """The connection never came about: the console has seen nothing."""


class NoAnswerError(Exception):
    """The request went out, and no whole answer came back; the text says what happened."""


class TooLargeError(Exception):
    """The answer is larger than we take."""


class _NoOtherAuth(AuthBase):
    """Keeps requests from taking credentials out of a .netrc file."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Transport:
    """Sends requests to one address. A changing request always gets a connection of its own: on one that was kept
    alive nobody can tell a request that was lost from one that was carried out."""

    def __init__(self, url: str, timeouts: Timeouts, most_read: int = MOST_READ) -> None:
        self._url = url
        self._timeouts = timeouts
        self._most_read = most_read
        self._kept = _session()

    def send(self, request: Request, headers: Mapping[str, str], *, fresh: bool) -> Answer:
        """The answer of whatever status. Raises NothingSentError, NoAnswerError or TooLargeError."""
        if not fresh:
            return self._exchange(self._kept, request, headers)
        with _session() as session:
            return self._exchange(session, request, {**headers, "Connection": "close"})

    def close(self) -> None:
        """Lets go of connections."""
        self._kept.close()

    def _exchange(self, session: requests.Session, request: Request, headers: Mapping[str, str]) -> Answer:
        until = time.monotonic() + self._timeouts.whole
        try:
            with session.request(
                request.method,
                f"{self._url}/{request.path}",
                params=dict(request.query),
                data=None if request.body is None else json.dumps(request.body).encode(),
                headers={"User-Agent": "usage-pipeline", **_kind_of(request), **headers},
                timeout=(self._timeouts.connect, self._timeouts.read),
                allow_redirects=False,
                stream=True,
                auth=_NoOtherAuth(),
            ) as response:
                return _answer(response, self._body(response, until))
        except requests.ConnectTimeout:
            raise NothingSentError("it does not take connections in time") from None
        except requests.Timeout:
            raise NoAnswerError("it did not answer in time") from None
        except requests.exceptions.SSLError:
            raise NothingSentError("its certificate is not trusted here") from None
        except requests.ConnectionError as error:
            if _never_connected(error):
                raise NothingSentError("it cannot be reached") from None
            raise NoAnswerError("the connection was cut") from None
        except (requests.RequestException, HTTPError, OSError):
            raise NoAnswerError("the connection was cut") from None

    def _body(self, response: requests.Response, until: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            part = response.raw.read1(_CHUNK, decode_content=True)
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
            if size > self._most_read:
                raise TooLargeError
            if time.monotonic() > until:
                raise requests.Timeout


def _kind_of(request: Request) -> dict[str, str]:
    # Dify looks for JSON where it is announced, and refuses an empty body then.
    return {} if request.body is None else {"Content-Type": "application/json"}


def _session() -> requests.Session:
    session = requests.Session()
    # Cookies are sent by hand: those of the console are marked for https, also where a proxy ends the TLS.
    session.cookies = RequestsCookieJar()
    return session


def _never_connected(error: requests.ConnectionError) -> bool:
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return isinstance(reason, NewConnectionError)


def _answer(response: requests.Response, content: bytes) -> Answer:
    try:
        document, readable = (json.loads(content) if content.strip() else None), True
    except (ValueError, RecursionError):
        document, readable = None, False
    return Answer(
        response.status_code,
        document,
        {str(cookie.name): cookie.value or "" for cookie in response.cookies},
        _seconds(response.headers.get("Retry-After", "")),
        _moment(response.headers.get("Date", "")),
        readable,
    )


def _seconds(value: str) -> float | None:
    """Seconds from now, of either form that HTTP knows."""
    try:
        return max(0.0, float(value))
    except ValueError:
        moment = _moment(value)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds()) if moment else None


def _moment(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
