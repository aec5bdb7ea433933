"""An HTTP and an SMTP server on loopback sockets whose mood a test changes: they take, refuse, hang, cut and flood."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Literal

from usage_pipeline_tests.support.loopback import QuietHandler, listening

HUGE = 5_000_000


@dataclass(frozen=True)
class Mood:
    """How an HTTP server answers."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    manner: Literal["answers", "hangs", "cuts", "cuts its answer"] = "answers"


def answers(status: int, body: object = b"", **headers: str) -> Mood:
    """A mood that answers, with JSON for what is no bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Mood(status, content, tuple((name.replace("_", "-"), value) for name, value in headers.items()))


@dataclass(frozen=True)
class Taken:
    """A request as the server got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, object]:
        """Its body as JSON."""
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found


@dataclass
class FaultyHttp:
    """The server's address, its mood, and every request that it got."""

    base: str
    mood: Mood = field(default_factory=Mood)
    taken: list[Taken] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


@contextmanager
def faulty_http() -> Iterator[FaultyHttp]:
    """Runs the server for the block."""
    state = FaultyHttp("")

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.taken.append(Taken(self.command, self.path, headers, body))
            mood = state.mood
            if mood.manner == "hangs":
                state.released.wait(20)
            if mood.manner in ("hangs", "cuts"):
                self.close_connection = True
                return
            self.send_response(mood.status)
            for name, value in mood.headers:
                self.send_header(name, value)
            cut = mood.manner == "cuts its answer"
            self.send_header("Content-Length", str(len(mood.body) + 1000 * cut))
            self.end_headers()
            self.wfile.write(mood.body)

        do_GET = do_PUT = do_POST  # noqa: N815  (the names of the protocol)

    with listening(Handler) as state.base:
        try:
            yield state
        finally:
            state.released.set()


@dataclass
class FaultySmtp:
    """The server's port, what it answers at each step, and every mail that it took."""

    port: int
    at_connect: str = "220 here"
    at_rcpt: dict[str, str] = field(default_factory=dict)  # by address; 250 for the others
    at_data: str = "250 taken"
    at_login: str = ""  # without it no login is offered
    manner: Literal["answers", "hangs", "cuts"] = "answers"
    mails: list[EmailMessage] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


class _SmtpHandler(socketserver.StreamRequestHandler):
    """One connection of a mail program."""

    state: FaultySmtp

    def handle(self) -> None:
        """Answers until the other side is gone."""
        with suppress(ConnectionError):
            self._talk()

    def _talk(self) -> None:
        if self.state.manner == "hangs":
            self.state.released.wait(20)
            return
        self._say(self.state.at_connect)
        while line := self.rfile.readline().decode("ascii", "replace").strip():
            word = line.split(" ")[0].split(":")[0].upper()
            if not self._goes_on(word, line):
                return

    def _goes_on(self, word: str, line: str) -> bool:
        """Answers one command; returns whether another may follow."""
        if word == "DATA":
            self._take()
            if self.state.manner == "cuts":
                return False
            self._say(self.state.at_data)
        elif word == "RCPT":
            self._say(self.state.at_rcpt.get(line.partition("<")[2].rstrip(">"), "250 ok"))
        elif word == "EHLO" and self.state.at_login:
            self._say("250-here\r\n250 AUTH PLAIN")
        elif word == "AUTH":
            self._say(self.state.at_login)
        else:
            self._say("221 bye" if word == "QUIT" else "250 ok")
        return word != "QUIT"

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def _take(self) -> None:
        self._say("354 go on")
        content = b""
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            content += line.removeprefix(b".") if line.startswith(b"..") else line
        if self.state.at_data.startswith("250") and self.state.manner == "answers":
            self.state.mails.append(message_from_bytes(content, policy=policy.default))


class _SmtpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def faulty_smtp() -> Iterator[FaultySmtp]:
    """Runs the server for the block."""
    state = FaultySmtp(0)

    class Handler(_SmtpHandler):
        pass

    Handler.state = state
    server = _SmtpServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    state.port = int(server.server_address[1])
    try:
        yield state
    finally:
        state.released.set()
        server.shutdown()
        server.server_close()
