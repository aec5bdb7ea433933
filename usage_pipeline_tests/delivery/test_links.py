"""Messages lead to the web page where there is one: one tap from the alert to the deed, each recipient by own links."""

import json
from dataclasses import replace
from typing import Any

import pytest

from usage_pipeline.alerts.kinds.registry import kind_of
from usage_pipeline.alerts.message import Alert, Message
from usage_pipeline.alerts.text.escape import markup
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.delivery.claim import Claimed, NotificationGroup
from usage_pipeline.delivery.rendering import OURS, render
from usage_pipeline.delivery.worker import _outcome
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.links import Deed, read_link
from usage_pipeline.settings import Recipient, Settings, parse_settings

URL = "https://usage.example.com/a/WyJvcHMiLCJCYSJd.x_-y"
LINKS = (("read", URL), ("acknowledge", f"{URL}1"), ("request", f"{URL}2"))
CHATS = sorted(path.name for path in OURS.glob("*.j2") if path.name not in ("sms.txt.j2", "pagerduty.txt.j2"))
CONFIG = """version: 1
web: {public_url: "https://usage.example.com"}
recipients:
  ops: {channel: wecom, secret_env: OPS_URL}
  owner: {channel: wecom, secret_env: OWNER_URL}
"""


def about(kind: str = "budget", **more: Any) -> Message:
    """A message of that kind's example, with links."""
    facts = kind_of(kind).example().stored()
    return Message("d", "Ba", kind, "emergency", facts, "en", links=LINKS, **more)


@pytest.mark.parametrize("template", CHATS)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_channel_leads_to_the_page_and_to_no_shell(template: str, language: str) -> None:
    facts = kind_of("budget").example().stored()
    alone = replace(about(), language=language)
    several = replace(alone, others=(Alert("Bb", "budget", "warning", facts, (("read", f"{URL}3"),)),))
    for message, urls in ((alone, [url for _, url in LINKS]), (several, [URL, f"{URL}2", f"{URL}3"])):
        text = render(template, message, markup("slack")).text
        assert [url for url in urls if url not in text] == []
        assert "usage-pipeline alerts" not in text


@pytest.mark.parametrize("kind", ["enforcement", "override"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_who_undoes_or_decides_by_a_link_reads_no_command(kind: str, language: str) -> None:
    alone = replace(about(kind), language=language, links=())
    linked = replace(alone, links=(("read", URL), ("undo", f"{URL}1"), ("approve", f"{URL}2")))
    for template in CHATS:
        assert "usage-pipeline" in render(template, alone, markup("slack")).text
        assert "usage-pipeline" not in render(template, linked, markup("slack")).text


_ROBOTS = ("feishu", "lark", "slack", "teams", "dingtalk")


def _card(channel: str, message: Message, extra: str = "") -> tuple[dict[str, Any], str]:
    """What the channel would send to a recipient without mentions, and that as text."""
    fields = {"channel": channel, "secret_env": "HOOK", **({"mention": ("li.si",)} if extra else {})}
    sender = CHANNELS[channel]
    (draft,) = sender.drafts(message, sender.recipient_class.model_validate(fields))  # type: ignore[attr-defined]
    return draft.body, json.dumps(draft.body, ensure_ascii=False)


def _buttons(channel: str, body: Any) -> list[tuple[str, str]]:
    if channel in ("feishu", "lark"):
        rows = [element["actions"] for element in body["card"]["elements"] if element["tag"] == "action"]
        return [(one["text"]["content"], one["url"]) for row in rows for one in row]
    if channel == "slack":
        rows = [block["elements"] for block in body["blocks"] if block["type"] == "actions"]
        return [(one["text"]["text"], one["url"]) for row in rows for one in row]
    if channel == "teams":
        actions = body["attachments"][0]["content"].get("actions", [])
        return [(one["title"], one["url"]) for one in actions if one["type"] == "Action.OpenUrl"]
    return [(one["title"], one["actionURL"]) for one in body.get("actionCard", {}).get("btns", [])]


@pytest.mark.parametrize("channel", _ROBOTS)
def test_a_card_has_a_button_a_deed_and_no_second_link_to_it(channel: str) -> None:
    body, text = _card(channel, about())
    assert _buttons(channel, body) == [("Open", URL), ("I take it", f"{URL}1"), ("Ask for more", f"{URL}2")]
    assert text.count(URL) == 3
    assert "░" in text or "█" in text, "a bar of what is spent"
    several = replace(about(), others=(Alert("Bb", "budget", "warning", about().facts, (("read", f"{URL}3"),)),))
    body, text = _card(channel, several)
    assert _buttons(channel, body) == [], "whose button would it be"
    assert f"{URL}3" in text


def test_a_card_that_could_mention_nobody_gives_way_to_a_text_that_does() -> None:
    body, text = _card("dingtalk", about(), "with a mention")
    assert (body["msgtype"], body["at"]["atUserIds"]) == ("markdown", ["li.si"])
    assert f"{URL}2" in text


@pytest.mark.parametrize("template", CHATS)
def test_without_a_page_the_command_is_named(template: str) -> None:
    assert "usage-pipeline alerts show Ba" in render(template, replace(about(), links=()), markup("slack")).text


@pytest.mark.parametrize(
    ("kind", "event", "deeds"),
    [
        ("budget", "trigger", [Deed.READ, Deed.ACKNOWLEDGE, Deed.REQUEST]),
        ("budget", "resolve", [Deed.READ]),
        ("loop", "trigger", [Deed.READ, Deed.ACKNOWLEDGE, Deed.UNDO]),
        ("enforcement", "trigger", [Deed.READ, Deed.UNDO, Deed.APPROVE, Deed.REJECT]),
        ("override", "trigger", [Deed.READ, Deed.APPROVE, Deed.REJECT]),
        ("source", "trigger", [Deed.READ, Deed.ACKNOWLEDGE]),
        ("report", "trigger", [Deed.READ]),
    ],
)
def test_a_message_has_its_recipients_own_links(
    kind: str, event: str, deeds: list[Deed], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings(monkeypatch)
    sent = _sent(settings, kind, event)
    found = [read_link(settings, url.rpartition("/")[2]) for _, url in sent.links]
    assert [link.deed for link in found] == deeds
    assert {(link.recipient, link.alert_id) for link in found} == {("owner", "Ba")}


def test_a_key_that_cannot_be_used_keeps_no_message_back(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _settings(monkeypatch)
    monkeypatch.setenv("USAGE_PIPELINE_WEB_KEY", "too short")
    assert _sent(settings, "budget", "trigger").links == []


def _settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("OPS_URL", "OWNER_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/robot")
    monkeypatch.setenv("USAGE_PIPELINE_WEB_KEY", "k" * 40)
    return parse_settings(CONFIG, "c.yaml")


def _sent(settings: Settings, kind: str, event: str) -> Message:
    sent: list[Message] = []

    def send(message: Message, recipient: Recipient) -> Outcome:
        sent.append(message)
        return Outcome("accepted", "ok")

    facts = kind_of(kind).example().stored()
    claimed = Claimed("d1", 1, "Ba", "owner", "wecom", kind, "emergency", facts, event)
    assert _outcome(settings, NotificationGroup("d1", (claimed,)), send).kind == "accepted"
    return sent[0]
