"""Posts to a web address: bounded in time and size, without redirects, and without its URL in any error or log."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

from usage_pipeline.http.addresses import PrivateAddressError, PublicOnlyAdapter
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings.environment import safe_url

MOST_READ = 64 * 1024
LONGEST_RETRY_AFTER_S = 86_400.0
RETRIED = (408, 425, 429)
_posting: ContextVar[bool] = ContextVar("posting", default=False)


@dataclass(frozen=True)
class Timeouts:
    """Seconds to connect, to wait for the next bytes, and for a whole answer."""

    connect: float = 5.0
    read: float = 15.0
    whole: float = 30.0


TIMEOUTS = Timeouts()


@dataclass(frozen=True)
class Answer:
    """What came back, cut to a size that cannot hurt."""

    status: int
    text: str
    retry_after_s: float | None


class _Quiet(logging.Filter):
    """Drops what urllib3 logs about a post of ours: its lines carry the URL, which is a secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line may be written."""
        return not _posting.get()


_QUIET = _Quiet()
for _name in ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_QUIET)


@contextmanager
def quiet() -> Iterator[None]:
    """While it holds, this thread's requests leave no URL in any log, whichever library makes them."""
    token = _posting.set(True)
    try:
        yield
    finally:
        _posting.reset(token)


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    method: str = "POST",
    timeouts: Timeouts | None = None,
    public_only: bool = False,
) -> Answer | Outcome:
    """The server's answer, or an outcome when none came; redirects are not followed.

    With ``public_only`` the address that was really connected to is looked at before anything is sent to it.
    """
    try:
        with quiet():
            return _posted(method, url, body, headers, timeouts or TIMEOUTS, public_only)
    except PrivateAddressError:
        return Outcome("permanent", "the URL leads to a private address; nothing was sent")
    except requests.Timeout:
        return Outcome("retry", f"no answer in time from {_shown(url)}")
    except Exception as error:
        # The exception's own text carries the URL, which is a secret: only its kind is told.
        return Outcome("retry", f"cannot reach {_shown(url)}: {type(error).__name__}")


def _posted(
    method: str, url: str, body: bytes, headers: Mapping[str, str], timeouts: Timeouts, public_only: bool
) -> Answer:
    with requests.Session() as session:
        if public_only:
            for scheme in ("http://", "https://"):
                session.mount(scheme, PublicOnlyAdapter())
        with session.request(
            method,
            url,
            data=body,
            headers={"User-Agent": "usage-pipeline", **headers},
            timeout=(timeouts.connect, timeouts.read),
            allow_redirects=False,
            stream=True,
        ) as response:
            text = _text(response, time.monotonic() + timeouts.whole)
            return Answer(response.status_code, text, _retry_after(response.headers.get("Retry-After", "")))


def _text(response: requests.Response, until: float) -> str:
    """The beginning of the body. A server that never comes to an end is left when the time is over."""
    content = b""
    while len(content) < MOST_READ:
        chunk = response.raw.read1(MOST_READ - len(content), decode_content=True)
        if not chunk:
            break
        content += chunk
        if time.monotonic() > until:
            raise requests.Timeout
    return content[:MOST_READ].decode("utf-8", "replace")


def _retry_after(value: str) -> float | None:
    """Seconds from now, of either form that HTTP knows; a day at most, so that no answer can bury an alert."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (aware - datetime.now(UTC)).total_seconds()
    return min(seconds, LONGEST_RETRY_AFTER_S) if seconds >= 0 else None


def _shown(url: str) -> str:
    try:
        return safe_url(url)
    except ValueError:
        return "a URL that cannot be read"


def by_status(answer: Answer) -> Outcome:
    """What an HTTP status means where the body says nothing more."""
    if 200 <= answer.status < 300:
        return Outcome("accepted", answer.text, answer.status)
    if answer.status in RETRIED or answer.status >= 500:
        return Outcome("retry", answer.text, answer.status, answer.retry_after_s)
    if 300 <= answer.status < 400:
        return Outcome("permanent", "the address redirects elsewhere; redirects are not followed", answer.status)
    return Outcome("permanent", answer.text, answer.status)
