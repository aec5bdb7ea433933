"""One clock runs over a whole exchange, whatever the other side does to keep it going."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path

import pytest

from usage_pipeline.alerts.message import Message
from usage_pipeline.console.access import ConsoleAccess
from usage_pipeline.console.client import Console
from usage_pipeline.console.errors import NotReachableError, OutcomeUnknownError
from usage_pipeline.delivery.channels import mail
from usage_pipeline.delivery.channels.mail import EmailRecipient
from usage_pipeline.http.client import HttpClient, retry_after
from usage_pipeline.http.exchange import HttpAnswer, HttpRequest, Timeouts, TooLateError
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.http.post import post
from usage_pipeline_tests.support.loopback import QuietHandler, listening
from usage_pipeline_tests.support.slow_servers import WITHOUT_END, own_certificate, slow_server

LIMITS = Timeouts(connect=0.5, read=0.5, whole=1.0)
# What a busy machine may add.
SLACK_S = 1.5
MESSAGE = Message("Babc-1", "Babc", "delivery", "critical", {"alert": "Babc", "recipient": "ops"}, "en")
A_GREETING = b"\x16\x03\x03\x40\x00"  # the head of a record of 16 KiB, which then comes byte by byte


@contextmanager
def in_time() -> Iterator[None]:
    """Fails when the block takes longer than the whole may."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < LIMITS.whole + SLACK_S


def posted(url: str, body: bytes = b"{}") -> HttpAnswer | Outcome:
    """What a channel gets."""
    return post(HttpRequest(url, body), timeouts=LIMITS)


def changed(url: str, **body: object) -> object:
    """What a changing call to the console gets: it is made once."""
    console = Console(ConsoleAccess(f"{url}/console/api", admin_key="k", requests_per_second=1000.0), timeouts=LIMITS)
    try:
        return console.change("POST", "apps/x/api-enable", body)
    finally:
        console.close()


@pytest.mark.parametrize("what", WITHOUT_END)
def test_a_channel_is_left_when_the_whole_time_is_over(what: str) -> None:
    with slow_server(WITHOUT_END[what]) as port, in_time():
        outcome = posted(f"http://127.0.0.1:{port}/send?key=s3cr3t")
    assert isinstance(outcome, Outcome), outcome
    assert (outcome.kind, "no answer in time from http://127.0.0.1" in outcome.answer) == ("retry", True)
    assert "s3cr3t" not in outcome.answer


@pytest.mark.parametrize("what", WITHOUT_END)
def test_the_console_is_left_when_the_whole_time_is_over(what: str) -> None:
    with slow_server(WITHOUT_END[what]) as port, in_time(), pytest.raises(OutcomeUnknownError, match="in time"):
        changed(f"http://127.0.0.1:{port}")


def test_a_slow_tls_handshake_is_left() -> None:
    with slow_server(lambda: chain([A_GREETING], repeat(b"\0"))) as port:
        with in_time():
            outcome = posted(f"https://127.0.0.1:{port}/x")
        assert isinstance(outcome, Outcome)
        assert outcome.kind == "retry"
        with in_time(), pytest.raises((OutcomeUnknownError, NotReachableError)):
            changed(f"https://127.0.0.1:{port}")


@pytest.mark.parametrize("what", ["headers", "100 Continue", "body"])
def test_the_clock_runs_under_tls_too(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, certificate = own_certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with slow_server(WITHOUT_END[what], context=context) as port, in_time():
        outcome = posted(f"https://127.0.0.1:{port}/x")
    assert isinstance(outcome, Outcome)
    assert "no answer in time" in outcome.answer


def test_a_server_that_takes_no_bytes_is_left() -> None:
    with slow_server(lambda: repeat(b""), reads=False) as port:
        with in_time():
            outcome = posted(f"http://127.0.0.1:{port}/x", b"x" * 50_000_000)
        assert isinstance(outcome, Outcome)
        assert outcome.kind == "retry"
        with in_time(), pytest.raises(OutcomeUnknownError):
            changed(f"http://127.0.0.1:{port}", graph="x" * 50_000_000)


@pytest.mark.parametrize("beginning", [b"", b"220 here\r\n"])
def test_a_mail_server_that_is_slow_without_end_is_left(beginning: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "_TIMEOUT_S", LIMITS.read)
    monkeypatch.setattr(mail, "_WHOLE_S", LIMITS.whole)
    recipient = EmailRecipient(channel="email", to=("owner@example.com",))
    with slow_server(lambda: chain([beginning], repeat(b"250-more\r\n")), reads=False) as port, in_time():
        monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{port}")
        outcome = mail.Mail()(MESSAGE, recipient)
    assert outcome.kind == "retry"


def test_many_addresses_that_take_no_connection_have_one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as full:
        # A queue that is full takes no connection, and refuses none.
        full.bind(("0.0.0.0", 0))  # noqa: S104  (loopback has many addresses)
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(8)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        monkeypatch.setattr(
            "usage_pipeline.http.connections._addresses", lambda name, port: [f"127.0.0.{n}" for n in range(1, 10)]
        )
        with in_time():
            outcome = posted(f"http://many.example:{port}/x")
        for each in waiting:
            each.close()
    assert isinstance(outcome, Outcome)
    assert outcome.kind == "retry"


class _Patient(QuietHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        time.sleep(0.4)
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(str(self.client_address[1]).rjust(5).encode())


def test_a_connection_that_is_kept_has_a_new_clock_each_time() -> None:
    with listening(_Patient) as base:
        client, request = HttpClient(LIMITS, 1000), HttpRequest(f"{base}/x", method="GET")
        assert len({client.send(request).text for _ in range(4)}) == 1, "one connection"
        assert client.send(request, fresh=True).text != client.send(request).text
        client.close()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("30", 30.0), (" 7 ", 7.0), ("0", 0.0), ("1e400", None), ("nan", None), ("-5", None), ("soon", None), ("", None),
     ("9" * 5000, None), ("99999999999999", 86_400.0), ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400.0),
     ("Mon, 01 Jan 2001 00:00:00 GMT", 0.0), (None, None)],
)  # fmt: skip
def test_retry_after_is_read_and_bounded(value: str | None, seconds: float | None) -> None:
    assert retry_after(value) == seconds


def test_credentials_of_the_machine_go_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password of-mine\n", encoding="utf-8")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        posted_to = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        client = HttpClient(LIMITS, 1000)
        with pytest.raises(TooLateError):
            client.send(HttpRequest(posted_to, b"{}"))
        taken, _ = server.accept()
        with taken:
            assert b"uthorization" not in taken.recv(65_536)
