"""PagerDuty finds by the alert's id what was triggered, acknowledged and resolved; each alert is its own event."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from usage_pipeline.alerts.message import Alert, Message
from usage_pipeline.delivery.channels.pagerduty import PagerdutyRecipient
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.http.outcome import Outcome
from usage_pipeline_tests.delivery.test_outbox import FACTS
from usage_pipeline_tests.support.fault_servers import FaultyHttp, answers, faulty_http

MESSAGE = Message("Babc-1", "Babc", "budget", "emergency", FACTS, "en")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyHttp]:
    """PagerDuty, as far as we know it."""
    monkeypatch.setenv("PAGERDUTY_KEY", "R0UT1NG-s3cr3t")
    with faulty_http() as state:
        state.mood = answers(202, {"status": "success"})
        yield state


def send(server: FaultyHttp, message: Message) -> Outcome:
    """Sends to the service."""
    recipient = PagerdutyRecipient(
        channel="pagerduty", secret_env="PAGERDUTY_KEY", endpoint=server.base, allow_private=True
    )
    return CHANNELS["pagerduty"](message, recipient)


def test_trigger_acknowledge_and_resolve_share_one_key(server: FaultyHttp) -> None:
    for event in ("trigger", "trigger", "acknowledge", "resolve"):
        assert send(server, replace(MESSAGE, event=event)).kind == "accepted"  # type: ignore[arg-type]
    documents = [taken.document for taken in server.taken]
    assert {taken.path for taken in server.taken} == {"/v2/enqueue"}
    assert [d["event_action"] for d in documents] == ["trigger", "trigger", "acknowledge", "resolve"]
    assert {(d["routing_key"], d["dedup_key"]) for d in documents} == {("R0UT1NG-s3cr3t", "Babc")}
    assert ["payload" in d for d in documents] == [True, True, False, False]


@pytest.mark.parametrize(
    ("level", "severity"),
    [("emergency", "critical"), ("critical", "error"), ("warning", "warning"), ("info", "info")],
)
def test_levels_are_told_in_pagerdutys_words(level: str, severity: str, server: FaultyHttp) -> None:
    send(server, replace(MESSAGE, level=level))
    payload = server.taken[-1].document["payload"]
    assert isinstance(payload, dict)
    assert payload["severity"] == severity
    assert "lead-enricher" in payload["summary"]
    assert "2,134,000" in str(payload["custom_details"])


def test_several_alerts_are_several_events_the_most_severe_first(server: FaultyHttp) -> None:
    assert CHANNELS["pagerduty"].grouped is False
    others = (Alert("Bwarn", "budget", "warning", FACTS), Alert("Bcrit", "budget", "critical", FACTS))
    assert send(server, replace(MESSAGE, others=others)).kind == "accepted"
    assert [taken.document["dedup_key"] for taken in server.taken] == ["Babc", "Bcrit", "Bwarn"]
