"""Faults that the fake console makes when a test asks for them, and the record of what it was asked."""

import re
import threading
from dataclasses import dataclass, field
from typing import Any, Literal

FaultKind = Literal["status", "session_ends", "cut_before", "cut_after", "hang", "hang_after", "drip", "garbage"]


@dataclass
class Fault:
    """What goes wrong with the next ``times`` calls that fit, after ``skip`` that go well.

    ``cut_before`` and ``hang`` come before anything is done, ``cut_after`` and ``hang_after`` after it was done.
    """

    kind: FaultKind
    method: str = ".*"
    path: str = ".*"
    times: int = 1
    skip: int = 0
    status: int = 500
    code: str = "internal_server_error"
    retry_after: str | None = None
    every: int = 1

    def takes(self, method: str, path: str) -> bool:
        """Whether this call is hit; counts it."""
        if self.times <= 0 or not re.fullmatch(self.method, method) or not re.search(self.path, path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        self.skip = self.every - 1
        return True


@dataclass
class LoggedCall:
    """One request that arrived, whatever became of it."""

    method: str
    path: str
    changing: bool
    body: dict[str, Any]
    status: int | None = None  # None: nothing was answered
    applied: bool = False


@dataclass
class Faults:
    """The faults still to come and the calls so far; safe to use from several threads."""

    waiting: list[Fault] = field(default_factory=list)
    calls: list[LoggedCall] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *faults: Fault) -> None:
        """Makes these happen too."""
        with self.lock:
            self.waiting += faults

    def next_for(self, method: str, path: str) -> Fault | None:
        """The fault that hits this call."""
        with self.lock:
            found = next((fault for fault in self.waiting if fault.takes(method, path)), None)
            self.waiting = [fault for fault in self.waiting if fault.times > 0]
            return found

    def note(self, call: LoggedCall) -> None:
        """Puts a call on record."""
        with self.lock:
            self.calls.append(call)

    def changing_calls(self) -> list[LoggedCall]:
        """The calls that ask for a change."""
        with self.lock:
            return [call for call in self.calls if call.changing]
