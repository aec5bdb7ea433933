"""A group chat robot, a mailbox and an ITSM system on this machine, which show what arrives; one refuses at first."""

import json
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from usage_pipeline.settings.extras import need

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session

Show = Callable[[str, str], None]
_REFUSALS = 1


@dataclass
class ChannelServers:
    """The running servers: variables that point at them, what they took as text, and mails as they arrived."""

    environment: dict[str, str]
    received: list[tuple[str, str]] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)


@contextmanager
def channel_servers(show: Show) -> Iterator[ChannelServers]:
    """Runs the three servers for the block; ``show`` is called with channel and text of what arrives.

    Raises MissingExtraError without the extra `demo`, whose SMTP server is the mailbox.
    """
    controller = need("aiosmtpd.controller", "demo", "the demo's mailbox").Controller
    servers = ChannelServers({})
    key = secrets.token_hex(16)

    def take(channel: str, text: str) -> None:
        servers.received.append((channel, text))
        show(channel, text)

    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(take))
    threading.Thread(target=http.serve_forever, daemon=True).start()
    port = free_port()
    mail = controller(_Mailbox(take, servers.mails), hostname="127.0.0.1", port=port, ready_timeout=10)
    mail.start()
    base = f"http://127.0.0.1:{http.server_port}"
    servers.environment = {
        "WECOM_OPS_URL": f"{base}/cgi-bin/webhook/send?key={key}",
        "ITSM_URL": f"{base}/itsm/{secrets.token_hex(12)}",
        "ITSM_SECRET": secrets.token_hex(16),
        "SMTP_URL": f"smtp://127.0.0.1:{port}",
    }
    try:
        yield servers
    finally:
        mail.stop()
        http.shutdown()
        http.server_close()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Mailbox:
    def __init__(self, take: Show, mails: list[EmailMessage]) -> None:
        self._take, self._mails = take, mails

    async def handle_DATA(self, server: "SMTP", session: "Session", envelope: "Envelope") -> str:  # noqa: N802, ARG002
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        mail = message_from_bytes(content, policy=policy.default)
        self._mails.append(mail)
        text = part_of(mail, "plain").replace("\r\n", "\n")
        self._take(f"mail to {', '.join(envelope.rcpt_tos)}", f"Subject: {mail['Subject']}\n\n{text}")
        return "250 taken"


def part_of(mail: EmailMessage, kind: str) -> str:
    """Returns the `plain` or `html` part of a mail; nothing where it has none."""
    body = mail.get_body((kind,))
    return str(body.get_content()) if body else ""


def _handler(take: Show) -> type[BaseHTTPRequestHandler]:
    refused = {"itsm": 0}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("utf-8", "replace")
            if self.path.startswith("/cgi-bin/"):
                take("WeCom group", json.loads(body)["markdown"]["content"])
                self._answer(200, {"errcode": 0, "errmsg": "ok"})
            elif refused["itsm"] < _REFUSALS:
                refused["itsm"] += 1
                take("ITSM webhook", "refuses this first call with 503, as a busy system would")
                self._answer(503, {"error": "busy"}, {"Retry-After": "1"})
            else:
                document = json.loads(body)
                take("ITSM webhook", f"{document['title']} (signed, id {document['delivery_id']})")
                self._answer(200, {"ticket": "INC-1001"})

        def _answer(self, status: int, document: dict[str, object], headers: dict[str, str] | None = None) -> None:
            data = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Says nothing: the path holds the robot's key."""

    return Handler
