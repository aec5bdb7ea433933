"""Watches over the reading of a source: when the source was last heard from, and how to end it from outside."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from threading import Lock


class Watchdog:
    """Watches one thread that reads one source; whoever holds it may end that at any moment, from another thread."""

    def __init__(self) -> None:
        self._heard_at = time.monotonic()
        self._in_warehouse = False
        self._ended = False
        self._ways_to_end: list[Callable[[], None]] = []
        self._lock = Lock()

    @property
    def ended(self) -> bool:
        """Whether the reading was ended from outside."""
        return self._ended

    def begin(self) -> None:
        """Watches the calling thread from now on."""
        _current.set(self)
        self.heard()

    def heard(self) -> None:
        """The source gave a sign of life."""
        self._heard_at = time.monotonic()

    def silent_for(self) -> float:
        """Seconds since the source was last heard from; none while nobody waits for it."""
        return 0.0 if self._in_warehouse else time.monotonic() - self._heard_at

    @contextmanager
    def working_in_warehouse(self) -> Iterator[None]:
        """While the block works in the warehouse, the source owes no sign of life."""
        self._in_warehouse = True
        try:
            yield
        finally:
            self.heard()
            self._in_warehouse = False

    def end_with(self, way: Callable[[], None]) -> None:
        """Adds a way to end whatever the reading waits for; it is called from another thread, and must not wait."""
        with self._lock:
            self._ways_to_end.append(way)
            too_late = self._ended
        if too_late:
            way()

    def end(self) -> None:
        """Ends the reading: its thread meets errors where it waits, and goes."""
        with self._lock:
            self._ended = True
            ways = list(self._ways_to_end)
        for way in ways:
            with suppress(Exception):
                way()


_current: ContextVar[Watchdog | None] = ContextVar("watchdog", default=None)


def heard_from_source() -> None:
    """Sources call it each time that an answer, or a part of one, has come; a source silent for too long is left."""
    watchdog = _current.get()
    if watchdog:
        watchdog.heard()


def end_reading_with(way: Callable[[], None]) -> None:
    """Sources call it with what cuts their connection; a source whose every wait has a time limit needs none."""
    watchdog = _current.get()
    if watchdog:
        watchdog.end_with(way)


def reading_was_ended() -> bool:
    """Returns whether the reading was ended from outside: nothing is tried again then."""
    watchdog = _current.get()
    return watchdog is not None and watchdog.ended


@contextmanager
def working_in_warehouse() -> Iterator[None]:
    """While the block works in the warehouse, the source owes no sign of life."""
    watchdog = _current.get()
    if watchdog is None:
        yield
        return
    with watchdog.working_in_warehouse():
        yield
