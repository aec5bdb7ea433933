"""Refuses what a browser was tricked into: changes by GET, by another site's page, or under a foreign host name.

Dagster's webserver executes a mutation whichever way it comes and looks at neither Host nor Origin, so that an image's
address in a mail, or any page open in an administrator's browser, could release an action or launch a job.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

_log = logging.getLogger("usage_pipeline.ui.guard")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
# Two names in one header, or a user before the host: whoever writes that means to be misread.
_NO_PART_OF_A_NAME = frozenset(", @\\\t")
_LONGEST_SHOWN = 200
_POLICY_VIOLATION = 1008


@dataclass(frozen=True)
class Refusal:
    """Why a request is not passed on, and the HTTP status that says so."""

    status: int
    reason: str


@dataclass(frozen=True)
class Guard:
    """An ASGI application before another one. ``hosts`` are the names, without ports, under which it may be asked."""

    application: Application
    hosts: Collection[str] = LOOPBACK_NAMES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what may be, and answers everything else itself; each refusal is logged."""
        if scope["type"] not in ("http", "websocket"):
            await self.application(scope, receive, send)
            return
        refusal = refusal_of(scope, self.hosts)
        if refusal is None:
            await self.application(scope, receive, send)
            return
        _log.warning("refused %s", _described(scope, refusal))
        await _refuse(scope, receive, send, refusal)


def refusal_of(scope: Scope, hosts: Collection[str]) -> Refusal | None:
    """Returns why a request may not be passed on; None when it may."""
    headers = _headers(scope)
    if _name_of(f"//{headers.get('host', '')}") not in hosts:
        return Refusal(421, "it is asked for under a host name that is not one of its own (--allow-host names more)")
    if _from_elsewhere(headers, hosts):
        return Refusal(403, "a page of another site asked for it")
    if scope["type"] == "websocket":
        return None
    if scope["method"] in _READING:
        return _refused_reading(scope, headers)
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return Refusal(415, "changes are taken as application/json only")
    return None


def _from_elsewhere(headers: dict[str, str], hosts: Collection[str]) -> bool:
    """Whether a browser says that another site's page asks. Whoever is no browser says nothing of it.

    Another port of this machine is another site; a public name is one of ours on any port, for a proxy may change it.
    """
    if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
        return True
    origin = headers.get("origin")
    if origin is None:
        return False
    name = _name_of(origin)
    own = origin.partition("://")[2].lower() == headers.get("host", "").lower()
    return not (name in hosts and (own or name not in LOOPBACK_NAMES))


def _refused_reading(scope: Scope, headers: dict[str, str]) -> Refusal | None:
    """GraphQL by GET would execute mutations; its own page (text/html) executes nothing."""
    if not scope["path"].rstrip("/").endswith("/graphql") or "text/html" in headers.get("accept", ""):
        return None
    if "query" in parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True):
        return Refusal(405, "GraphQL is taken by POST only")
    return None


def _headers(scope: Scope) -> dict[str, str]:
    """By lower-case name; of a header that comes twice, both values, so that neither hides the other."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _name_of(address: str) -> str | None:
    """The host name of an address, in lower case; None for what is no address, such as the origin `null`."""
    if _NO_PART_OF_A_NAME & set(address):
        return None
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _described(scope: Scope, refusal: Refusal) -> str:
    headers = _headers(scope)
    parts = {
        "host": headers.get("host"),
        "origin": headers.get("origin"),
        "client": (scope.get("client") or ("?",))[0],
    }
    said = ", ".join(f"{name} {str(value)[:_LONGEST_SHOWN]!r}" for name, value in parts.items() if value)
    what = f"{scope.get('method', 'WEBSOCKET')} {scope['path'][:_LONGEST_SHOWN]!r}"
    return f"{what} ({said}): {refusal.reason}"


async def _refuse(scope: Scope, receive: Receive, send: Send, refusal: Refusal) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": refusal.reason[:100]})
        return
    body = f"refused: {refusal.reason}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
