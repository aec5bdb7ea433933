"""The one HTTP client: bounded in time and size, no redirects, no .netrc, and no URL in any error or log."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
from requests.auth import AuthBase
from requests.cookies import RequestsCookieJar
from urllib3.exceptions import HTTPError, InvalidHeader, NewConnectionError
from urllib3.exceptions import TimeoutError as Urllib3TimeoutError
from urllib3.util.retry import Retry

from usage_pipeline.http.clock import one_clock, time_is_over
from usage_pipeline.http.connections import BoundedAdapter
from usage_pipeline.http.exchange import (
    HttpAnswer,
    HttpRequest,
    NoAnswerError,
    NothingSentError,
    Timeouts,
    TooLateError,
)

_LONGEST_RETRY_AFTER_S = 86_400
_CHUNK = 64 * 1024
_LATE = "it did not answer in time"
_exchanging: ContextVar[bool] = ContextVar("exchanging", default=False)


class _Quiet(logging.Filter):
    """Drops what urllib3 logs about an exchange of ours: its lines carry the URL, which may be a secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line may be written."""
        return not _exchanging.get()


_QUIET = _Quiet()
for _name in ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_QUIET)


@contextmanager
def quiet() -> Iterator[None]:
    """While it holds, this thread's requests leave no URL in any log, whichever library makes them."""
    token = _exchanging.set(True)
    try:
        yield
    finally:
        _exchanging.reset(token)


class _NoOtherAuth(AuthBase):
    """Keeps requests from taking credentials out of a .netrc file."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class HttpClient:
    """Makes exchanges, and keeps connections alive between them; of an answer at most ``limit`` bytes are read.

    With ``public_only`` the address that was really connected to is looked at before anything is sent to it.
    """

    def __init__(self, timeouts: Timeouts, limit: int, *, public_only: bool = False) -> None:
        self._timeouts = timeouts
        self._limit = limit
        self._public_only = public_only
        self._kept = self._session()

    def send(self, request: HttpRequest, *, fresh: bool = False) -> HttpAnswer:
        """The answer of whatever status; ``fresh`` takes a connection of its own that is closed afterwards.

        Raises NothingSentError, NoAnswerError (TooLateError when time was over), or PrivateAddressError. Their texts
        hold no URL.
        """
        with quiet(), one_clock(self._timeouts.whole):
            if not fresh:
                return self._exchange(self._kept, request, request.headers)
            with self._session() as session:
                return self._exchange(session, request, {**request.headers, "Connection": "close"})

    def close(self) -> None:
        """Lets go of connections."""
        self._kept.close()

    def _session(self) -> requests.Session:
        session = requests.Session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, BoundedAdapter(public_only=self._public_only))
        # Cookies are sent by whoever wants them sent: those that are marked for https too, where a proxy ends the TLS.
        session.cookies = RequestsCookieJar()
        return session

    def _exchange(self, session: requests.Session, request: HttpRequest, headers: Mapping[str, str]) -> HttpAnswer:
        try:
            with session.request(
                request.method,
                request.url,
                params=dict(request.query) or None,
                data=request.body,
                headers={"User-Agent": "usage-pipeline", **headers},
                timeout=(self._timeouts.connect, self._timeouts.read),
                allow_redirects=False,
                stream=True,
                auth=_NoOtherAuth(),
            ) as response:
                content = self._content(response)
                return _answer(response, content[: self._limit], whole=len(content) <= self._limit)
        except requests.ConnectTimeout:
            raise NothingSentError("it does not take connections in time") from None
        except (requests.Timeout, Urllib3TimeoutError):
            raise TooLateError(_LATE) from None
        except requests.exceptions.SSLError:
            raise NothingSentError("its certificate is not trusted here") from None
        except requests.ConnectionError as error:
            if _never_connected(error):
                raise NothingSentError("it cannot be reached") from None
            raise _cut() from None
        except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema):
            raise NothingSentError("its address cannot be read") from None
        except (requests.RequestException, HTTPError, OSError):
            raise _cut() from None

    def _content(self, response: requests.Response) -> bytes:
        """The body, or a little more of it than is wanted."""
        parts: list[bytes] = []
        size = 0
        while size <= self._limit:
            part = response.raw.read1(min(_CHUNK, self._limit + 1 - size), decode_content=True)
            if not part:
                break
            parts.append(part)
            size += len(part)
            if time_is_over():
                raise TooLateError(_LATE)
        return b"".join(parts)


def _cut() -> NoAnswerError:
    return TooLateError(_LATE) if time_is_over() else NoAnswerError("the connection was cut")


def _never_connected(error: requests.ConnectionError) -> bool:
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return isinstance(reason, NewConnectionError)


def _answer(response: requests.Response, content: bytes, *, whole: bool) -> HttpAnswer:
    return HttpAnswer(
        response.status_code,
        content,
        retry_after(response.headers.get("Retry-After")),
        _moment(response.headers.get("Date", "")),
        {str(cookie.name): cookie.value or "" for cookie in response.cookies},
        whole,
    )


def retry_after(value: str | None) -> float | None:
    """Seconds from now, of either form that HTTP knows; a day at most, so that no answer can bury an alert."""
    if value is None:
        return None
    try:
        return float(Retry(retry_after_max=_LONGEST_RETRY_AFTER_S).parse_retry_after(value))
    except (InvalidHeader, ValueError, OverflowError):
        return None


def _moment(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
