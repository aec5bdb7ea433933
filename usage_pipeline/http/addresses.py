"""Where a webhook may lead: not into the private network unless the configuration allows it."""

import ipaddress
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any
from urllib.parse import urlsplit

# NAT64, whose last 32 bits are an address of version 4; and the old form ::a.b.c.d.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class PrivateAddressError(Exception):
    """The name led to a private address at the moment of connecting."""


def refused_target(url: str, *, allow_private: bool) -> str | None:
    """Why a webhook's address may not be used; None when it may. Every address the name resolves to is looked at."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "the URL cannot be read"
    if parts.scheme not in ("http", "https") or not host:
        return "the URL is not http:// or https://"
    try:
        found = [_address(str(entry[4][0])) for entry in socket.getaddrinfo(host, port or 443)]
    except (OSError, ValueError):
        found = []  # A name that does not resolve now may resolve later: the attempt itself will say so.
    if parts.scheme == "http" and not (allow_private and all(address.is_private for address in found)):
        return "http is allowed only for private addresses with allow_private: true; use https"
    if not allow_private and not all(is_public(address) for address in found):
        return "the URL leads to a private address; set allow_private: true on the recipient if that is meant"
    return None


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet."""
    return address.is_global and not address.is_multicast


def _address(text: str) -> Address:
    """The address that packets go to: one of version 6 may only wrap one of version 4."""
    address = ipaddress.ip_address(text.split("%", maxsplit=1)[0])
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64 or address.ipv4_mapped:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _COMPATIBLE and int(address) > 0xFFFF:
        return ipaddress.IPv4Address(int(address))
    return address.sixtofour or address


def checked_peer(connection: socket.socket) -> socket.socket:
    """The connection, when its other end is public; else closes it and raises PrivateAddressError."""
    if not is_public(_address(str(connection.getpeername()[0]))):
        connection.close()
        raise PrivateAddressError
    return connection


_refused: ContextVar[list[str] | None] = ContextVar("refused", default=None)


@contextmanager
def public_addresses_only(wanted: bool = True) -> Iterator[list[str]]:
    """While it holds, no socket of this thread reaches a private address: for libraries that open their own.

    Returns the list of what was refused, for the library may keep the error to itself.
    """
    refused: list[str] = []
    if wanted:
        _watch_connections()
    token = _refused.set(refused if wanted else None)
    try:
        yield refused
    finally:
        _refused.reset(token)


@cache
def _watch_connections() -> None:
    """Python announces each connection before it is made, with the address it really goes to."""
    sys.addaudithook(_look_at)


def _look_at(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in ("socket.connect", "socket.sendto"):
        return
    refused, address = _refused.get(), arguments[1]
    if refused is None or not isinstance(address, tuple):
        return
    try:
        public = is_public(_address(str(address[0])))
    except ValueError:
        public = False  # A name here would be looked up once more, and could mean something else by then.
    if not public:
        refused.append("a private address")
        raise PrivateAddressError
