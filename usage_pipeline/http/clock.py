"""One clock over a whole exchange: each wait on a socket is at most what is left of it.

A limit for the next bytes is no limit for the answer: a server that sends a byte a second, header upon header or
``100 Continue`` without end would keep it for ever.
"""

import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_until: ContextVar[float | None] = ContextVar("until", default=None)


@contextmanager
def one_clock(seconds: float) -> Iterator[None]:
    """While it holds, waits of this thread that ask for ``time_left`` take no longer than so many seconds in all."""
    token = _until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def time_is_over() -> bool:
    """Whether the clock of this thread has run out; false where none runs."""
    until = _until.get()
    return until is not None and time.monotonic() >= until


def time_left(step: float | None) -> float | None:
    """The seconds that one wait may take: ``step`` or what is left of the whole. Raises TimeoutError when none is."""
    until = _until.get()
    if until is None:
        return step
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("time is over")
    return left if step is None else min(step, left)


class _TimedReader(io.RawIOBase):
    """Reads what a socket receives; each wait is cut to what is left."""

    def __init__(self, raw: io.RawIOBase, connection: socket.socket) -> None:
        self._raw = raw
        self._connection = connection
        self._step = connection.gettimeout()

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: Any, /) -> int | None:
        self._connection.settimeout(time_left(self._step))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def timed_reader(connection: socket.socket) -> io.BufferedReader:
    """Returns what ``connection.makefile("rb")`` does, with each wait cut to what is left of the whole."""
    return io.BufferedReader(_TimedReader(connection.makefile("rb", buffering=0), connection))
