"""Chat robots that count as the real ones do: so many messages a minute, by a clock that the test moves, else muted."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from usage_pipeline_tests.support.loopback import QuietHandler, listening

MINUTE, MUTE = timedelta(minutes=1), timedelta(minutes=10)


@dataclass(frozen=True)
class Heard:
    """One request: to which robot, when, what it said, and whether it was taken."""

    path: str
    at: datetime
    text: str
    taken: bool


@dataclass
class StrictRobots:
    """All robots of one server; each has a path of its own."""

    clock: Callable[[], datetime]
    limit: int
    base: str = ""
    heard: list[Heard] = field(default_factory=list)
    overrun: int = 0
    muted: dict[str, datetime] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def hear(self, path: str, text: str) -> bool:
        """Whether the message is taken; who overruns is muted for ten minutes."""
        with self.lock:
            now = self.clock()
            if now < self.muted.get(path, now):
                taken = False
            else:
                recent = [each for each in self.heard if each.path == path and each.at > now - MINUTE]
                taken = len(recent) < self.limit
                if not taken:
                    self.muted[path] = now + MUTE
            self.overrun += not taken
            self.heard.append(Heard(path, now, text, taken))
            return taken


@contextmanager
def strict_robots(clock: Callable[[], datetime], limit: int = 20) -> Iterator[StrictRobots]:
    """Runs the server for the block."""
    state = StrictRobots(clock, limit)

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            taken = state.hear(
                self.path.split("&")[0], body["markdown"]["text" if "text" in body["markdown"] else "content"]
            )
            answer = json.dumps({"errcode": 0 if taken else 130101, "errmsg": "ok" if taken else "too often"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    with listening(Handler) as state.base:
        yield state
