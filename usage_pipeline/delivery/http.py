"""Posts to a web address: bounded in time and size, without redirects, and without its URL in any error."""

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from usage_pipeline.delivery.channel import Outcome
from usage_pipeline.settings.environment import safe_url

_MOST_READ = 64 * 1024
_TOO_MANY = (429, 503)


@dataclass(frozen=True)
class Timeouts:
    """Seconds to connect, and to wait for the next bytes."""

    connect: float = 5.0
    read: float = 15.0


@dataclass(frozen=True)
class Answer:
    """What came back, cut to a size that cannot hurt."""

    status: int
    text: str
    retry_after_s: float | None


def post(url: str, body: bytes, headers: Mapping[str, str], timeouts: Timeouts | None = None) -> Answer | Outcome:
    """The server's answer, or a retry outcome when none came; redirects are not followed."""
    limits = timeouts or Timeouts()
    try:
        with requests.post(
            url,
            data=body,
            headers={"User-Agent": "usage-pipeline", **headers},
            timeout=(limits.connect, limits.read),
            allow_redirects=False,
            stream=True,
        ) as response:
            content = response.raw.read(_MOST_READ, decode_content=True)
            return Answer(response.status_code, content.decode("utf-8", "replace"), _retry_after(response))
    except requests.Timeout:
        return Outcome("retry", f"no answer in time from {safe_url(url)}")
    except (requests.RequestException, OSError, ValueError) as error:
        # The exception's own text carries the URL, which is a secret: only its kind is told.
        return Outcome("retry", f"cannot reach {safe_url(url)}: {type(error).__name__}")
    except Exception as error:
        return Outcome("retry", f"connection to {safe_url(url)} broke: {type(error).__name__}")


def _retry_after(response: requests.Response) -> float | None:
    try:
        return max(0.0, float(response.headers.get("Retry-After", "")))
    except ValueError:
        return None


def by_status(answer: Answer) -> Outcome:
    """What an HTTP status means where the body says nothing more."""
    if 200 <= answer.status < 300:
        return Outcome("accepted", answer.text, answer.status)
    if answer.status in (408, 425, *_TOO_MANY) or answer.status >= 500:
        return Outcome("retry", answer.text, answer.status, answer.retry_after_s)
    if 300 <= answer.status < 400:
        return Outcome("permanent", "the address redirects elsewhere; redirects are not followed", answer.status)
    return Outcome("permanent", answer.text, answer.status)


def refused_target(url: str, *, allow_private: bool) -> str | None:
    """Why a webhook's address may not be used; None when it may. Every address the name resolves to is looked at."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "the URL is not http:// or https://"
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
    except OSError:
        return None  # A name that does not resolve now may resolve later: the attempt itself will say so.
    addresses = [ipaddress.ip_address(str(entry[4][0]).split("%")[0]) for entry in found]
    mapped = [getattr(address, "ipv4_mapped", None) or address for address in addresses]
    if parts.scheme == "http" and not (allow_private and all(address.is_private for address in mapped)):
        return "http is allowed only for private addresses with allow_private: true; use https"
    if not allow_private and any(not address.is_global for address in mapped):
        return "the URL leads to a private address; set allow_private: true on the recipient if that is meant"
    return None
