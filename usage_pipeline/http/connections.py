"""Connections of requests that keep the clock over a whole exchange, and that may refuse private addresses."""

import http.client
import socket
from contextlib import suppress
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from usage_pipeline.http.addresses import checked_peer
from usage_pipeline.http.clock import time_left, timed_reader

_AT_ONCE = 16 * 1024


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = timed_reader(sock)


class _TimedConnection(HTTPConnection):
    response_class = _TimedResponse

    def _new_conn(self) -> socket.socket:
        """The first address of the name that takes the connection; what follows (TLS) has what is left."""
        name, step = self._dns_host, self.timeout
        try:
            connection = self._first_of(_addresses(name, self.port) or [name], step)
        finally:
            self._dns_host, self.timeout = name, step
        connection.settimeout(_left_to_connect(self, step))
        return connection

    def _first_of(self, addresses: list[str], step: Any) -> socket.socket:
        *others, last = addresses
        for address in others:
            with suppress(NewConnectionError, ConnectTimeoutError):
                return self._to(address, step)
        return self._to(last, step)

    def _to(self, address: str, step: Any) -> socket.socket:
        self._dns_host, self.timeout = address, _left_to_connect(self, step)
        return super()._new_conn()

    def send(self, data: Any) -> None:
        """Sends in pieces, for each piece may be waited for."""
        if self.sock is None or not isinstance(data, bytes):
            super().send(data)
            return
        step = self.sock.gettimeout()
        for start in range(0, len(data), _AT_ONCE):
            self.sock.settimeout(time_left(step))
            super().send(data[start : start + _AT_ONCE])


class _SecureTimedConnection(_TimedConnection, HTTPSConnection):
    pass


class _PublicConnection(_TimedConnection):
    def _new_conn(self) -> socket.socket:
        return checked_peer(super()._new_conn())


class _SecurePublicConnection(_PublicConnection, HTTPSConnection):
    pass


def _addresses(name: str, port: int | None) -> list[str]:
    """What the name resolves to, each once; nothing where it does not, which urllib3 puts into words."""
    try:
        found = socket.getaddrinfo(name, port, 0, socket.SOCK_STREAM)
    except (OSError, ValueError):
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _left_to_connect(connection: HTTPConnection, step: Any) -> float | None:
    try:
        return time_left(step)
    except TimeoutError:
        raise ConnectTimeoutError(connection, "time is over") from None


class _TimedPool(HTTPConnectionPool):
    ConnectionCls = _TimedConnection


class _SecureTimedPool(HTTPSConnectionPool):
    ConnectionCls = _SecureTimedConnection


class _PublicPool(HTTPConnectionPool):
    ConnectionCls = _PublicConnection


class _SecurePublicPool(HTTPSConnectionPool):
    ConnectionCls = _SecurePublicConnection


class BoundedAdapter(HTTPAdapter):
    """Makes such connections; with ``public_only`` each looks at the address that it really has before anything is
    sent, for a name may resolve anew after it was looked at."""

    def __init__(self, *, public_only: bool = False) -> None:
        self._public_only = public_only
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """As requests does, with connections of ours."""
        super().init_poolmanager(*args, **kwargs)
        public = {"http": _PublicPool, "https": _SecurePublicPool}
        timed = {"http": _TimedPool, "https": _SecureTimedPool}
        self.poolmanager.pool_classes_by_scheme = public if self._public_only else timed

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        """As requests does, with connections of ours to a proxy over HTTP, which may be private."""
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = {"http": _TimedPool, "https": _SecureTimedPool}
        return manager
