"""A card that its robot does not understand goes out once more as text: the next attempt of the same delivery."""

import json
from typing import Any

import pytest

from usage_pipeline.delivery.channels.card_channel import CARD_REFUSED
from usage_pipeline.delivery.worker import deliver_due
from usage_pipeline.settings import Settings, parse_settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.delivery.test_outbox import Clock, attempts, put
from usage_pipeline_tests.support.every_channel import MARK, TAKES, configuration, environment
from usage_pipeline_tests.support.fault_servers import FaultyHttp, Mood, answers

MALFORMED = {
    "feishu": answers(200, {"code": 11246, "msg": "ErrCode: 11310; ErrMsg: unsupported type of block"}),
    "lark": answers(400, {"code": 9499, "msg": "Bad Request"}),
    "dingtalk": answers(200, {"errcode": 40035, "errmsg": "缺少参数 json"}),
    "slack": answers(400, b"invalid_blocks"),
    "teams": answers(400, b"cannot read the card"),
}


@pytest.fixture
def settings(server: FaultyHttp, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Every channel, and nobody who is called when one fails."""
    for name, value in environment(server.base, 1).items():
        monkeypatch.setenv(name, value)
    return parse_settings(configuration(server.base) + "alerting: {repeat_most: 0}\n", "c.yaml")


def is_text(channel: str, body: Any) -> bool:
    """Whether it is no card."""
    if channel == "teams":
        return "actions" not in str(body) and "FactSet" not in str(body)
    return {"feishu": body.get("msg_type"), "lark": body.get("msg_type"), "dingtalk": body.get("msgtype")}.get(
        channel, "text" if "blocks" not in body else ""
    ) == "text"


def rounds(channel: str, warehouse: Connection, settings: Settings, server: FaultyHttp, moods: list[Mood]) -> list[Any]:
    """What the robot got while it answered so, round by round."""
    clock, before = Clock(), len(server.taken)
    for mood in moods:
        server.mood = mood
        deliver_due(warehouse, settings, by="t", clock=clock)
        clock.move(3600)
    return [json.loads(taken.body) for taken in server.taken[before:] if f"{MARK}-{channel}" in taken.path]


@pytest.mark.parametrize("channel", sorted(MALFORMED))
def test_the_next_attempt_is_a_text_and_the_record_says_why(
    channel: str, warehouse: Connection, settings: Settings, server: FaultyHttp
) -> None:
    put(warehouse, [(channel, channel)], level="warning")
    sent = rounds(channel, warehouse, settings, server, [MALFORMED[channel], TAKES[channel], TAKES[channel]])
    assert [is_text(channel, body) for body in sent] == [False, True]
    assert attempts(warehouse) == [(1, "retry"), (2, "accepted")]
    first, _ = warehouse.execute("SELECT answer FROM usage.alert_delivery ORDER BY attempt").fetchall()
    assert str(first[0]).startswith(CARD_REFUSED)


def test_once_and_no_more(warehouse: Connection, settings: Settings, server: FaultyHttp) -> None:
    put(warehouse, [("feishu", "feishu")], level="warning")
    sent = rounds("feishu", warehouse, settings, server, [MALFORMED["feishu"]] * 4)
    assert [is_text("feishu", body) for body in sent][:2] == [False, True]
    assert attempts(warehouse)[:2] == [(1, "retry"), (2, "permanent")]
    assert len(sent) == 2


def test_a_text_stays_one_at_later_attempts(warehouse: Connection, settings: Settings, server: FaultyHttp) -> None:
    put(warehouse, [("slack", "slack")], level="warning")
    sent = rounds("slack", warehouse, settings, server, [MALFORMED["slack"], answers(503), TAKES["slack"]])
    assert [is_text("slack", body) for body in sent] == [False, True, True]


def test_what_goes_together_stays_together(warehouse: Connection, settings: Settings, server: FaultyHttp) -> None:
    for budget in ("a", "b"):
        put(warehouse, [("feishu", "feishu")], budget_id=budget, level="warning")
    sent = rounds("feishu", warehouse, settings, server, [MALFORMED["feishu"], TAKES["feishu"]])
    assert [is_text("feishu", body) for body in sent] == [False, True]
    assert sorted(attempts(warehouse)) == [(1, "retry"), (1, "retry"), (2, "accepted"), (2, "accepted")]


@pytest.mark.parametrize("refusal", [answers(200, {"code": 19024}), answers(404), answers(400, b"no_text")])
def test_other_refusals_are_none_of_the_form(
    refusal: Mood, warehouse: Connection, settings: Settings, server: FaultyHttp
) -> None:
    channel = "slack" if refusal.body == b"no_text" else "feishu"
    put(warehouse, [(channel, channel)], level="warning")
    assert len(rounds(channel, warehouse, settings, server, [refusal, TAKES[channel]])) == 1
    assert attempts(warehouse)[0] == (1, "permanent")
