"""Real servers on loopback sockets that take, refuse, and keep a log of what they were sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from usage_pipeline_tests.support.loopback import QuietHandler, listening


@dataclass
class Robot:
    """An HTTP server that answers with these, in turn; the last answer stays."""

    answers: list[tuple[int, bytes, dict[str, str]]]
    url: str = ""
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_answer(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes, dict[str, str]]:
        """The answer for one request, which is put on record."""
        with self.lock:
            self.taken.append((headers, body))
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def wecom_answer(code: int, words: str = "") -> tuple[int, bytes, dict[str, str]]:
    """HTTP 200 with an errcode, as WeCom's robots answer."""
    return 200, json.dumps({"errcode": code, "errmsg": words or ("ok" if code == 0 else "refused")}).encode(), {}


@contextmanager
def robot(*answers: tuple[int, bytes, dict[str, str]], path: str = "/send?key=s3cr3t-robot-key") -> Iterator[Robot]:
    """Runs the server for the block."""
    state = Robot(list(answers))

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer, headers = state.next_answer(dict(self.headers.items()), body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    with listening(Handler) as base:
        state.url = base + path
        yield state
