"""No secret of any channel reaches the outbox, a log or a summary, even when the other side says it back."""

import logging

import pytest

from usage_pipeline.delivery.outbox import deliver_due
from usage_pipeline.settings import parse_settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.delivery.every_channel import MARK, RECIPIENTS, configuration, environment
from usage_pipeline_tests.delivery.test_outbox import Clock, put
from usage_pipeline_tests.delivery.test_rounds import everything
from usage_pipeline_tests.moody_servers import Mood, answers, moody_http, moody_smtp

KEYS = " ".join(environment("http://127.0.0.1:1", 1).values())


@pytest.mark.parametrize(
    "mood",
    [answers(400, KEYS.encode()), answers(200, {"errcode": 93000, "errmsg": KEYS}), Mood(manner="cuts")],
    ids=["refused with every secret", "a code with every secret", "cut"],
)
def test_no_secret_is_kept_or_logged(
    mood: Mood, warehouse: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with moody_http() as server, moody_smtp() as mail_server:
        values = environment(server.base, mail_server.port)
        values["SMTP_URL"] = f"smtp://user:{MARK}-smtp@127.0.0.1:{mail_server.port}"
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        settings = parse_settings(configuration(server.base), "c.yaml")
        server.mood = mood
        for name in RECIPIENTS:
            put(warehouse, [(name, settings.recipients[name].channel)], budget_id=name)
        summary = deliver_due(warehouse, settings, by="t", clock=Clock(), limit=len(RECIPIENTS))
        assert server.taken
    assert len(summary.answers) == len(RECIPIENTS)
    places = {"rows": everything(warehouse), "log": caplog.text, "summary": str(summary)}
    leaks = [(where, text[max(0, text.find(MARK) - 150) :][:200]) for where, text in places.items() if MARK in text]
    assert not leaks, leaks
