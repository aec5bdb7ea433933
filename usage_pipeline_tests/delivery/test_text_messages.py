"""Text messages: short enough, to each number, and a gateway's templates let no value out of its place."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from usage_pipeline.alerts.message import Message
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.delivery.channels.sms_recipient import AcceptedAnswer, SmsRecipient
from usage_pipeline.delivery.channels.sms_text import MOST_UNITS, text_of, units
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings import SettingsError, parse_settings
from usage_pipeline_tests.delivery.test_outbox import FACTS
from usage_pipeline_tests.support.fault_servers import FaultyHttp, answers, faulty_http

MESSAGE = Message("Babc-1", "Babc", "budget", "emergency", FACTS, "zh")
NASTY = '"}, "to": "+999", {"x": "&to=999\r\nX-Evil: 1'


@pytest.fixture
def server() -> Iterator[FaultyHttp]:
    """A gateway."""
    with faulty_http() as state:
        state.mood = answers(200, {"data": [{"code": 0}]})
        yield state


def send(server: FaultyHttp, monkeypatch: pytest.MonkeyPatch, name: str = "lead", **changes: Any) -> Outcome:
    """One message by the gateway."""
    monkeypatch.setenv("SMS_URL", f"{server.base}/send")
    monkeypatch.setenv("SMS_KEY", "s3cr3t-k3y")
    given: dict[str, Any] = {"channel": "sms", "provider": "http", "to": ("+8613800000000",), "url_env": "SMS_URL",
                             "secret_env": "SMS_KEY", "allow_private": True}  # fmt: skip
    facts = {**FACTS, "budget_name": name, "scope_name": name}
    return CHANNELS["sms"](replace(MESSAGE, facts=facts), SmsRecipient(**{**given, **changes}))


def test_a_value_stays_within_its_text_in_json(server: FaultyHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    assert send(server, monkeypatch, NASTY).kind == "accepted"
    document = server.taken[0].document
    assert set(document) == {"to", "text"}
    assert document["to"] == "+8613800000000"


def test_and_in_a_form(server: FaultyHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    send(server, monkeypatch, NASTY, format="form", body="to={{ to }}&text={{ text }}&key={{ secret }}")
    form = parse_qs(server.taken[0].body.decode())
    assert (form["to"], form["key"]) == (["+8613800000000"], ["s3cr3t-k3y"])
    assert set(form) == {"to", "text", "key"}


def test_and_in_an_address(server: FaultyHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{server.base}/send?to={{{{ to }}}}&text={{{{ text }}}}"
    monkeypatch.setenv("GET_URL", url)
    assert send(server, monkeypatch, NASTY, url_env="GET_URL", method="GET").kind == "accepted"
    taken = server.taken[0]
    query = parse_qs(taken.path.partition("?")[2])
    assert (taken.method, taken.body, query["to"]) == ("GET", b"", ["+8613800000000"])
    assert set(query) == {"to", "text"}


def test_and_in_a_header(server: FaultyHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        send(server, monkeypatch, NASTY, headers={"X-Name": "{{ name }}", "X-Key": "{{ secret }}"}).kind == "accepted"
    )
    assert "x-evil" not in server.taken[0].headers
    assert server.taken[0].headers["x-key"] == "s3cr3t-k3y"


@pytest.mark.parametrize(
    ("accepted", "kind"),
    [({"field": "data.0.code", "equals": "0"}, "accepted"), ({"field": "data.0.code", "equals": "1"}, "retry"),
     ({"field": "nowhere.1", "equals": "0"}, "retry"), ({"contains": '"code": 0'}, "accepted"),
     ({"status": (204,)}, "retry")],
)  # fmt: skip
def test_the_configuration_says_what_accepted_means(
    accepted: dict[str, Any], kind: str, server: FaultyHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert send(server, monkeypatch, accepted=AcceptedAnswer(**accepted)).kind == kind


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"body": "{{ text"}, "body"), ({"body": "{{ nothing }}"}, "body"), ({"body": "{{ text }}"}, "no JSON"),
     ({"headers": {"X": "{{ ''.__class__.__mro__ }}"}}, "headers.X")],
)  # fmt: skip
def test_a_template_that_cannot_be_used_is_said_and_nothing_is_sent(
    changes: dict[str, Any], what: str, server: FaultyHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = send(server, monkeypatch, **changes)
    assert outcome.kind == "permanent"
    assert what in outcome.answer
    assert not server.taken


def test_a_number_that_is_refused_keeps_no_other_from_its_message(
    server: FaultyHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.mood = answers(400, {"code": 21211})
    monkeypatch.setenv("TWILIO", "AC1:s3cr3t-t0ken")
    recipient = SmsRecipient(**{
        "channel": "sms", "provider": "twilio", "to": ("+15550000001", "+15550000002"), "secret_env": "TWILIO",
        "from": "+15551111111", "endpoint": server.base, "allow_private": True,
    })  # type: ignore[arg-type]  # fmt: skip
    outcome = CHANNELS["sms"](MESSAGE, recipient)
    assert outcome.kind == "permanent"
    assert [parse_qs(taken.body.decode())["To"] for taken in server.taken] == [["+15550000001"], ["+15550000002"]]


@pytest.mark.parametrize("name", ["lead", "名" * 500, "😀" * 500, "x" * 10_000])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_text_is_two_parts_at_most_and_keeps_the_alerts_id(name: str, language: str) -> None:
    facts = {**FACTS, "budget_name": name, "scope_name": name}
    text = text_of(replace(MESSAGE, facts=facts, language=language)).text
    assert units(text) <= MOST_UNITS
    assert text.endswith("Babc")


@pytest.mark.parametrize(
    ("provider", "lacks"), [("aliyun", "sign_name"), ("tencent", "app_id"), ("twilio", "from"), ("http", "url_env")]
)
def test_what_a_provider_needs_is_asked_for(provider: str, lacks: str) -> None:
    text = f"version: 1\nrecipients:\n  p: {{channel: sms, provider: {provider}, to: '123', secret_env: K}}\n"
    with pytest.raises(SettingsError) as caught:
        parse_settings(text, "c.yaml")
    assert lacks in str(caught.value)
    assert "c.yaml:3" in str(caught.value)


def test_answers_of_a_gateway_that_are_no_json_are_no_acceptance(
    server: FaultyHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.mood = answers(200, b"[[[[" * 20_000)
    wanted = AcceptedAnswer(field="code", equals="0")
    assert send(server, monkeypatch, accepted=wanted).kind == "retry"
    assert json.loads(server.taken[0].body)["to"] == "+8613800000000"
