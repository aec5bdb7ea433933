"""The reading of a source that is under way: when the source was last heard from, and how to end it from outside."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from threading import Lock


class Reading:
    """One thread's reading of one source. Whoever watches it may end it at any moment, from another thread."""

    def __init__(self) -> None:
        self._heard_at = time.monotonic()
        self._at_home = False
        self._ended = False
        self._ways_to_end: list[Callable[[], None]] = []
        self._lock = Lock()

    @property
    def ended(self) -> bool:
        """Whether it was ended from outside."""
        return self._ended

    def begin(self) -> None:
        """Makes it the reading of the calling thread."""
        _under_way.set(self)
        self.heard()

    def heard(self) -> None:
        """The source gave a sign of life."""
        self._heard_at = time.monotonic()

    def silent_for(self) -> float:
        """Seconds since the source was last heard from; none while nobody waits for it."""
        return 0.0 if self._at_home else time.monotonic() - self._heard_at

    @contextmanager
    def working_in_warehouse(self) -> Iterator[None]:
        """While the block works in the warehouse, the source owes no sign of life."""
        self._at_home = True
        try:
            yield
        finally:
            self.heard()
            self._at_home = False

    def end_with(self, way: Callable[[], None]) -> None:
        """Adds a way to end whatever the reading waits for; it is called from another thread, and must not wait."""
        with self._lock:
            self._ways_to_end.append(way)
            too_late = self._ended
        if too_late:
            way()

    def end(self) -> None:
        """Ends it: its thread meets errors where it waits, and goes."""
        with self._lock:
            self._ended = True
            ways = list(self._ways_to_end)
        for way in ways:
            with suppress(Exception):
                way()


_under_way: ContextVar[Reading | None] = ContextVar("reading", default=None)


def heard_from_source() -> None:
    """Sources call it each time that an answer, or a part of one, has come; a source silent for too long is left."""
    reading = _under_way.get()
    if reading:
        reading.heard()


def end_reading_with(way: Callable[[], None]) -> None:
    """Sources call it with what cuts their connection; a source whose every wait has a time limit needs none."""
    reading = _under_way.get()
    if reading:
        reading.end_with(way)


@contextmanager
def working_in_warehouse() -> Iterator[None]:
    """While the block works in the warehouse, the source owes no sign of life."""
    reading = _under_way.get()
    if reading is None:
        yield
        return
    with reading.working_in_warehouse():
        yield
