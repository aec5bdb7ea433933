"""Each channel says accepted, retry or permanent by the other side's own answer, and lets no hostile name through."""

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_bytes, policy

import pytest
from aiosmtpd.controller import Controller
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.text.escape import line, markup, plain
from usage_pipeline.alerts.text.texts import title
from usage_pipeline.delivery.channels import mail, webhook
from usage_pipeline.delivery.channels.base import LONGEST_ANSWER, shortened
from usage_pipeline.delivery.channels.mail import EmailRecipient
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.delivery.channels.webhook import WebhookRecipient
from usage_pipeline.delivery.channels.wecom import WecomRecipient
from usage_pipeline.delivery.rendering import render
from usage_pipeline.demo.channel_servers import free_port
from usage_pipeline.http import post as http
from usage_pipeline.http.exchange import HttpAnswer, HttpRequest, Timeouts
from usage_pipeline_tests.delivery.test_outbox import FACTS
from usage_pipeline_tests.support.channels import robot, wecom_answer

OPS = WecomRecipient(channel="wecom", secret_env="WECOM_OPS_URL", mention=("zhang.san",), allow_private=True)
OWNER = EmailRecipient(channel="email", to=("owner@example.com", "second@example.com"))
ITSM = WebhookRecipient(channel="webhook", url_env="ITSM_URL", secret_env="ITSM_SECRET", allow_private=True)
MESSAGE = Message("Babc-1", "Babc", "budget", "emergency", FACTS, "zh")

HOSTILE = [
    "<@all>", "@all", "@所有人", "<@zhang.san>", "**bold**", "[click](https://evil.example)", "`code`", "# heading",
    "> quote", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<font color='red'>x</font>",
    "{{ 7*7 }}", "{% raw %}", "{{ ''.__class__ }}", "line\nbreak\r\nSubject: x", "\u202eright to left", "\u200bzero",
    "x" * 10_000, "😀" * 3_000, "名" * 5_000, "\x00\x07nul and bell", "|table|", "a\\b", "~~gone~~", "&lt;b&gt;",
    "%(x)s %s", "${env}", "</td></table>", "'; DROP TABLE alert; --",
]  # fmt: skip


def named(name: str) -> Message:
    """A message in which every name that comes from outside is this one."""
    top = {kind: [{"name": name, "tokens": "5", "cost": "1", "share": "0.8"}] for kind in ("callers", "projects")}
    facts = {**FACTS, "scope_name": name, "tenant_name": name, "environment": name, "top": top}
    return replace(MESSAGE, facts=facts)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_hostile_name_marks_up_mentions_or_is_evaluated(
    name: str, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with robot(wecom_answer(0)) as server:
        monkeypatch.setenv("WECOM_OPS_URL", server.url)
        assert CHANNELS["wecom"](replace(named(name), language=language), OPS).kind == "accepted"
    content = json.loads(server.taken[0][1])["markdown"]["content"]
    assert_harmless(content)
    page = render("mail.html.j2", named(name), line).text
    for tag in ("<script", "<img", "</td></table><", "<font"):
        assert tag not in page.lower()
    assert "\n" not in title(named(name))
    assert "49" not in title(named("{{ 7*7 }}"))


def assert_harmless(content: str) -> None:
    """A WeCom text whose only mention is the configuration's, without markup of the name's, in at most 4,096 bytes."""
    assert len(content.encode()) <= 4096
    assert content.count("<@") == content.count("<@zhang.san>") == 1
    body = content.replace("<@zhang.san>", "")
    for mark in ("<", "@", "*", "[", "]", "{{ 7*7 }}".replace("*", "\0")):
        assert mark not in body
    assert body.count("`") % 2 == 0


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=400))
def test_any_name_is_one_harmless_line(name: str) -> None:
    line = markup("wecom")(name)
    assert not set(line) & set("`*[]<>@#&\\|~\n\r\x00")
    assert len(plain(name)) <= 120
    text = render("wecom.md.j2", named(name), markup("wecom")).text
    assert text.count("\n### ") == 0


@pytest.mark.parametrize(
    ("answer", "kind", "wait"),
    [
        (wecom_answer(0), "accepted", None),
        (wecom_answer(45009, "api freq out of limit"), "retry", 60.0),
        (wecom_answer(93000), "permanent", None),
        (wecom_answer(40058), "permanent", None),
        (wecom_answer(-1), "retry", None),
        ((200, b"<html>gateway</html>", {}), "retry", None),
        ((200, b"", {}), "retry", None),
        ((502, b"bad gateway", {}), "retry", None),
        ((404, b"no", {}), "permanent", None),
        ((302, b"", {"Location": "http://127.0.0.1/elsewhere"}), "permanent", None),
    ],
)
def test_wecom_goes_by_the_errcode(
    answer: tuple[int, bytes, dict[str, str]], kind: str, wait: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with robot(answer) as server:
        monkeypatch.setenv("WECOM_OPS_URL", server.url)
        outcome = CHANNELS["wecom"](MESSAGE, OPS)
    assert (outcome.kind, outcome.retry_after_s) == (kind, wait)
    assert len(server.taken) == 1, "a redirect is not followed"


@pytest.mark.parametrize(
    ("answer", "kind", "wait"),
    [
        ((204, b"", {}), "accepted", None),
        ((410, b"gone", {}), "permanent", None),
        ((400, b"bad", {}), "permanent", None),
        ((408, b"slow", {}), "retry", None),
        ((425, b"early", {}), "retry", None),
        ((429, b"often", {"Retry-After": "30"}), "retry", 30.0),
        ((503, b"busy", {"Retry-After": "7"}), "retry", 7.0),
        ((500, b"oops", {}), "retry", None),
        ((301, b"", {"Location": "https://elsewhere.example"}), "permanent", None),
    ],
)
def test_a_webhook_goes_by_the_status(
    answer: tuple[int, bytes, dict[str, str]], kind: str, wait: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with robot(answer, path="/hook") as server:
        monkeypatch.setenv("ITSM_URL", server.url)
        monkeypatch.setenv("ITSM_SECRET", "a-long-shared-s3cr3t")
        outcome = CHANNELS["webhook"](MESSAGE, ITSM)
    assert (outcome.kind, outcome.retry_after_s) == (kind, wait)


def test_a_webhooks_signature_verifies_and_its_id_stays_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    with robot((200, b"", {}), path="/hook") as server:
        monkeypatch.setenv("ITSM_URL", server.url)
        monkeypatch.setenv("ITSM_SECRET", secret)
        CHANNELS["webhook"](named("<@all>"), ITSM)
        CHANNELS["webhook"](named("<@all>"), ITSM)
    ids = set()
    for headers, body in server.taken:
        lower = {name.lower(): value for name, value in headers.items()}
        document = Webhook(secret).verify(body, lower)
        assert document["schema"] == webhook.SCHEMA
        assert document["facts"]["scope_name"] == "<@all>"
        ids.add(lower["webhook-id"])
    assert ids == {"Babc-1"}


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/x", "https://127.0.0.1/x", "https://10.0.0.8/x", "https://169.254.169.254/latest",
     "https://[::1]/x", "https://[::ffff:10.0.0.1]/x", "https://localhost/x", "ftp://example.com/x", "nonsense"],
)  # fmt: skip
def test_a_private_address_is_refused_unless_allowed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITSM_URL", url)
    monkeypatch.setenv("ITSM_SECRET", "a-long-shared-s3cr3t")
    outcome = CHANNELS["webhook"](MESSAGE, ITSM.model_copy(update={"allow_private": False}))
    assert outcome.kind == "permanent"
    assert url not in outcome.answer


def test_a_huge_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    with robot((500, b"x" * 5_000_000, {}), path="/hook") as server:
        answer = http.post(HttpRequest(server.url, b"{}"))
    assert isinstance(answer, HttpAnswer)
    assert len(answer.text) <= http.LIMIT
    assert len(shortened(answer.text)) <= LONGEST_ANSWER


@contextmanager
def silent_server() -> Iterator[str]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/send?key=s3cr3t-robot-key"


def test_a_server_that_hangs_is_left_and_no_secret_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with silent_server() as url:
        began = time.monotonic()
        outcome = http.post(HttpRequest(url, b"{}"), timeouts=Timeouts(0.5, 0.5))
    assert time.monotonic() - began < 5
    assert not isinstance(outcome, HttpAnswer)
    assert outcome.kind == "retry"
    assert "s3cr3t" not in outcome.answer
    assert "s3cr3t" not in caplog.text


def test_nobody_there_is_a_retry_without_the_url() -> None:
    outcome = http.post(HttpRequest(f"http://127.0.0.1:{free_port()}/send?key=s3cr3t-robot-key", b"{}"))
    assert not isinstance(outcome, HttpAnswer)
    assert outcome.kind == "retry"
    assert "s3cr3t" not in outcome.answer


class Mailbox:
    """Takes mail, or refuses as it is told."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.refuse: Callable[[str], str | None] = lambda _: None
        self.after_data = "250 ok"

    async def handle_RCPT(
        self, server: object, session: object, envelope: object, address: str, options: object
    ) -> str:
        refused = self.refuse(address)
        if refused:
            return refused
        envelope.rcpt_tos.append(address)  # type: ignore[attr-defined]
        return "250 ok"

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        self.taken.append(envelope.content)  # type: ignore[attr-defined]
        return self.after_data


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    """A real SMTP server."""
    handler = Mailbox()
    port = free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{port}")
    yield handler
    controller.stop()


def test_a_mail_has_two_parts_one_id_and_no_header_of_a_names(mailbox: Mailbox) -> None:
    outcome = CHANNELS["email"](named("x\r\nBcc: victim@example.com"), OWNER)
    assert (outcome.kind, outcome.status) == ("accepted", 250)
    parsed = message_from_bytes(mailbox.taken[0], policy=policy.default)
    assert parsed["Message-ID"] == "<Babc-1@usage-pipeline>"
    assert parsed["Bcc"] is None
    assert {part.get_content_type() for part in parsed.walk()} >= {"text/plain", "text/html"}
    text = parsed.get_body(("plain",))
    assert text is not None
    assert "2,134,000" in text.get_content()
    assert "¥312.40" in text.get_content()


@pytest.mark.parametrize(("reply", "kind"), [("451 try later", "retry"), ("552 too big", "permanent")])
def test_mail_goes_by_the_reply_after_data(mailbox: Mailbox, reply: str, kind: str) -> None:
    mailbox.after_data = reply
    outcome = CHANNELS["email"](MESSAGE, OWNER)
    assert (outcome.kind, outcome.status) == (kind, int(reply[:3]))


def test_a_refused_recipient_is_named(mailbox: Mailbox) -> None:
    mailbox.refuse = lambda address: "550 no such user" if address.startswith("second") else None
    outcome = CHANNELS["email"](MESSAGE, OWNER)
    assert outcome.kind == "permanent"
    assert "second@example.com: 550" in outcome.answer
    assert len(mailbox.taken) == 1


def test_a_mail_server_that_is_not_there_is_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_URL", f"smtp://user:s3cr3t-pa55@127.0.0.1:{free_port()}")
    outcome = CHANNELS["email"](MESSAGE, OWNER)
    assert outcome.kind == "retry"
    assert "s3cr3t" not in outcome.answer


def test_no_password_is_sent_to_a_mail_server_without_encryption(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "_is_loopback", lambda server: False)
    monkeypatch.setenv("SMTP_URL", os.environ["SMTP_URL"].replace("smtp://", "smtp://user:s3cr3t-pa55@"))
    outcome = CHANNELS["email"](MESSAGE, OWNER)
    assert outcome.kind == "retry"
    assert "no encryption" in outcome.answer
    assert not mailbox.taken


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("kind", ["budget", "configuration", "delivery"])
def test_every_kind_of_alert_has_a_text_without_gaps(kind: str, language: str) -> None:
    facts: dict[str, object] = {
        "budget": FACTS,
        "configuration": {"file": "c.yaml", "problems": ["c.yaml:3: budgets[0].limit: is missing; add it"]},
        "delivery": {"alert": "Babc", "recipient": "ops", "channel": "wecom", "answer": "93000"},
    }[kind]  # type: ignore[assignment]
    message = Message("x", "Babc", kind, "critical", facts, language)
    for template in ("wecom.md.j2", "mail.txt.j2", "mail.html.j2"):
        text = render(template, message, line).text
        assert "None" not in text
        assert "Babc" in text
