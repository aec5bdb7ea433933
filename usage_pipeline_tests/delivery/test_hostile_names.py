"""No name from outside marks up, mentions, links or is evaluated in any channel, and every limit in bytes is kept.

What a server got for a hostile name is held against what it got for a harmless one: but for the name itself they are
the same, mark for mark and line for line.
"""

import copy
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from usage_pipeline.alerts.message import Alert, Message
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.delivery.channels.sms_text import LONGEST_PARAMETER, MOST_UNITS, units
from usage_pipeline.settings import Settings, parse_settings
from usage_pipeline_tests.delivery.test_outbox import FACTS
from usage_pipeline_tests.support.every_channel import RECIPIENTS, TAKES, configuration, environment
from usage_pipeline_tests.support.fault_servers import FaultyHttp, FaultySmtp
from usage_pipeline_tests.support.platform_rules import wrong_with

HARMLESS = "harmless"
EVALUATED = "8641969"  # 1234567 * 7
NAMES = [
    "<@all>", "@all", "@所有人", "@everyone", "<@zhang.san>", "<!channel>", "<!here|here>",
    "<@U0123>", "<#C01|general>",
    "@13800000000", "<at id=all></at>", "<at user_id=\"all\">所有人</at>", "<at>wang@example.com</at>",
    "<!subteam^S01>", "**bold**", "*bold*", "_it_ __is__", "~~gone~~ ~gone~", "`code` ```block```", "# heading",
    "> quote", "- item", "1. item", "[click](https://evil.example)", "![x](https://evil.example/x.png)",
    "<https://evil.example|click>", "https://evil.example", "www.evil.example", ":fire: :100:", "| a | b |", "a\\b \\*",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<font color='warning'>x</font>", "&lt;b&gt;&#64;all",
    "</td></table><h1>x</h1>", "\" onclick=\"x", "{{ 1234567*7 }}", "{% raw %}", "{{ ''.__class__.__mro__ }}",
    "{{DATE(2026-01-01T00:00:00Z,SHORT)}} ${1234567*7}", "#{1234567*7} %(x)s %s", "line\nbreak\r\nBcc: x@example.com",
    "\u2028\u2029\x85separators", "\u202eright to left\u2066\u200f", "\u200bzero\ufeff\u200d", "\x00\x07\x1b[31mred",
    "x" * 10_000, "😀" * 3_000, "名" * 5_000, "e\u0301" * 3_000, "🏳️‍🌈" * 500, "\ue000\U000f0000\U000e0001tags",
    "'; DROP TABLE alert; --", "-----BEGIN\r\n\r\n.\r\nQUIT",
]  # fmt: skip
MARKS = set("`*[]<>@#&\\|~")
# An Adaptive Card evaluates {{DATE(…)}}; what Apprise's services evaluate nobody knows.
EVALUATING = {"teams", "apprise"}


def about(name: str, *, language: str = "zh", others: int = 0, kind: str = "budget") -> Message:
    """A message in which every name that comes from outside is this one."""
    top = {k: [{"name": name, "share": "0.8"}] * 3 for k in ("callers", "projects", "models", "nodes")}
    named = dict.fromkeys(
        (
            "scope_name",
            "budget_name",
            "tenant_name",
            "environment",
            "recipient",
            "channel",
            "answer",
            "error",
            "source",
            *("reason", "requested_by", "decided_by", "note", "override", "step", "raise", "title", "period", "what"),
            *("action", "project", "alert", "detail", "undo"),
        ),
        name,
    )
    facts = {**FACTS, **named, "top": top, "problems": [name] * 3, "actions": [name], "enforcement_mode": "auto"}
    facts |= {"lines": [[name, name]] * 3, "approvers": [name] * 2, "limits_of_action": [name] * 2}
    more = tuple(Alert(f"B{number:04}", kind, "warning", facts) for number in range(others))
    return Message("Babc-1", "Babc", kind, "emergency", facts, language, more)


@dataclass
class Seen:
    """What a server got: texts with markup, plain texts, and all else, which names must not touch."""

    marked: list[str] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)
    rest: object = None
    braces: bool = True


@pytest.fixture
def every(server: FaultyHttp, mail_server: FaultySmtp, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A configuration with every channel, and one robot that mentions everyone."""
    for name, value in environment(server.base, mail_server.port).items():
        monkeypatch.setenv(name, value)
    return parse_settings(configuration(server.base), "c.yaml")


def got(name: str, message: Message, every: Settings, server: FaultyHttp, mail_server: FaultySmtp) -> Seen:
    """Sends the message for real and reads what the server got."""
    recipient = every.recipients[name]
    if name != "email":
        server.mood = TAKES[name]
    outcome = CHANNELS[recipient.channel](message, recipient)
    assert outcome.kind == "accepted", outcome
    if name == "email":
        return seen_in_mail(mail_server)
    taken = server.taken[-1]
    body = json.loads(taken.body) if taken.body.startswith(b"{") else {}
    if name == "sms-aliyun":
        body = {key: values[0] for key, values in parse_qs(urlsplit(taken.path).query).items()}
    if name == "sms-twilio":
        body = {key: values[0] for key, values in parse_qs(taken.body.decode()).items()}
    keep_limits(name, taken.body, body)
    seen = READERS[name](body)
    seen.braces = name not in EVALUATING
    return seen


def keep_limits(name: str, raw: bytes, body: Mapping[str, Any]) -> None:
    """The limits of channels.md, on what travelled."""
    most = CHANNELS[RECIPIENTS[name].split("channel: ")[1].split(",")[0]].max_bytes
    if name == "wecom":
        assert len(body["markdown"]["content"].encode()) <= 4096
    elif most is not None:
        assert (
            len(raw) <= most <= {"dingtalk": 20_000, "feishu": 20_480, "lark": 20_480, "teams": 28_672}.get(name, most)
        )
    if name == "slack":
        assert len(body["blocks"]) <= 50
        assert not wrong_with("slack", body)
        assert len(body["blocks"][0]["text"]["text"]) <= 150
    if name == "pagerduty":
        assert len(body["payload"]["summary"]) <= 1024
        assert len(body["dedup_key"]) <= 255
    if name in ("sms-twilio", "sms-http"):
        assert units(str(body.get("Body") or body.get("content"))) <= MOST_UNITS
    if name == "sms-aliyun":
        assert all(len(value) <= LONGEST_PARAMETER for value in json.loads(body["TemplateParam"]).values())


def wecom(body: dict[str, Any]) -> Seen:
    return Seen(marked=[body["markdown"].pop("content")], rest=body)


def dingtalk(body: dict[str, Any]) -> Seen:
    markdown = body.pop("markdown")
    return Seen(marked=[markdown["text"]], plain=[markdown["title"]], rest=body)


def feishu(body: dict[str, Any]) -> Seen:
    body.pop("timestamp", None)
    body.pop("sign", None)
    card = body["card"]
    *facts, said = [element for element in card["elements"] if "fields" in element or element is _first_text(card)]
    fields = [each for element in facts for each in element["fields"]]
    texts = [*(each["text"] for each in fields), said["text"]]
    # A long fact takes a row of its own.
    for each in fields:
        each.pop("is_short")
    return Seen(
        marked=[text.pop("content") for text in texts],
        plain=[card["header"]["title"].pop("content")],
        rest=body,
    )


def _first_text(card: dict[str, Any]) -> object:
    return next(element for element in card["elements"] if "text" in element)


def slack(body: dict[str, Any]) -> Seen:
    title, *sections, mention = body["blocks"]
    texts = [text for section in sections for text in section.get("fields") or [section["text"]]]
    assert all(text["verbatim"] for text in texts)
    assert mention["text"]["text"] == "<@U0123>"
    marked = [text["text"] for text in texts]
    return Seen(["\n".join(marked), body["text"]], [title["text"]["text"]], mention)


def teams(body: dict[str, Any]) -> Seen:
    card = body["attachments"][0]["content"]
    *blocks, mention = card["body"]
    assert mention["text"] == "<at>wang@example.com</at>"
    facts = [fact for block in blocks for fact in block.get("facts", ())]
    marked = [fact.pop(part) for fact in facts for part in ("title", "value")]
    return Seen(marked=marked + [block.pop("text") for block in blocks if "text" in block], rest=body)


def pagerduty(body: dict[str, Any]) -> Seen:
    payload = body["payload"]
    texts = [payload.pop("summary"), payload.pop("source"), *payload.pop("custom_details").values()]
    return Seen(plain=texts, rest=body)


def aliyun(body: dict[str, Any]) -> Seen:
    return Seen(plain=list(json.loads(body.pop("TemplateParam")).values()), rest=body)


def tencent(body: dict[str, Any]) -> Seen:
    return Seen(plain=body.pop("TemplateParamSet"), rest=body)


def twilio(body: dict[str, Any]) -> Seen:
    return Seen(plain=[body.pop("Body")], rest=body)


def gateway(body: dict[str, Any]) -> Seen:
    return Seen(plain=[body.pop("content")], rest=body)


def apprise(body: dict[str, Any]) -> Seen:
    return Seen(marked=[body.pop("message"), body.pop("title")], rest=body)


READERS = {
    "wecom": wecom, "dingtalk": dingtalk, "feishu": feishu, "lark": feishu, "slack": slack, "teams": teams,
    "pagerduty": pagerduty, "sms-aliyun": aliyun, "sms-tencent": tencent, "sms-twilio": twilio, "sms-http": gateway,
    "apprise": apprise,
}  # fmt: skip


class Tree(HTMLParser):
    """The tags of a page with their attributes, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[object] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attributes)))

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")


def seen_in_mail(mail_server: FaultySmtp) -> Seen:
    """Header names and the page's tags are the rest; subject and lines of the plain part are plain."""
    mail = mail_server.mails[-1]
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert page is not None
    tree = Tree()
    tree.feed(page.get_content())
    lines = text.get_content().replace("\r\n", "\n").split("\n")  # SMTP's own line ends
    return Seen(plain=[mail["Subject"], *lines], rest=(sorted(mail.keys()), tree.tags))


def compare(hostile: Seen, harmless: Seen) -> None:
    """But for the name they are the same. Texts may be huge: what differs is shown in short."""
    assert len(hostile.marked) == len(harmless.marked)
    assert len(hostile.plain) == len(harmless.plain)
    same = hostile.rest == harmless.rest
    assert same, f"{str(hostile.rest)[:300]} is not {str(harmless.rest)[:300]}"
    for text, expected in zip(hostile.marked, harmless.marked, strict=True):
        wrong = differences(text, expected)
        if not hostile.braces:
            wrong += [mark for mark in "{}$" if mark in text]
        wrong += [link for link in ("://", "www.") if link in text]
        assert not wrong, (wrong[:3], text[:300])
    for text in (*hostile.marked, *hostile.plain):
        wrong = strange(text.replace("\n", "")) + [EVALUATED] * (EVALUATED in text)
        assert not wrong, wrong[:3]
    assert not any("\n" in text for text in hostile.plain)


def differences(text: str, expected: str) -> list[str]:
    """Marks that only a name can have brought; where the text was cut there may be fewer, never more."""
    got, wanted = marks(text), marks(expected)
    cut = "已截断" in text or "(cut)" in text
    wrong = [mark for mark in MARKS if got[mark] > wanted[mark] or (not cut and got[mark] != wanted[mark])]
    breaks, most = text.count("\n"), expected.count("\n") + cut
    return wrong + ["\n"] * (breaks > most or (not cut and breaks != most))


def marks(text: str) -> Counter[str]:
    """How often each mark stands there."""
    return Counter(character for character in text if character in MARKS)


def strange(text: str) -> list[str]:
    """Characters that steer a screen, and halves of what was cut between bytes."""
    return [c for c in text if unicodedata.category(c)[0] == "C" or c in "\u2028\u2029\ufffd"]


CHATS = [name for name in RECIPIENTS if name != "webhook"]


@pytest.mark.parametrize("name", CHATS)
def test_no_name_gets_through(name: str, every: Settings, server: FaultyHttp, mail_server: FaultySmtp) -> None:
    assert len(NAMES) >= 50
    for language in ("zh", "en"):
        harmless = got(name, about(HARMLESS, language=language), every, server, mail_server)
        # Both languages have the same marks: the second needs only a sample.
        for hostile in NAMES if language == "zh" else NAMES[::5]:
            seen = got(name, about(hostile, language=language), every, server, mail_server)
            compare(seen, copy.deepcopy(harmless))


@pytest.mark.parametrize("kind", ["configuration", "source", "delivery", "test", "override", "enforcement", "report"])
@pytest.mark.parametrize("name", CHATS)
def test_nor_in_any_other_kind_of_alert(
    name: str, kind: str, every: Settings, server: FaultyHttp, mail_server: FaultySmtp
) -> None:
    harmless = got(name, about(HARMLESS, kind=kind), every, server, mail_server)
    for hostile in NAMES[::7]:
        compare(got(name, about(hostile, kind=kind), every, server, mail_server), copy.deepcopy(harmless))


@pytest.mark.parametrize("name", [name for name in CHATS if name != "pagerduty"])
@pytest.mark.parametrize("hostile", ["名" * 5000, '"\\\n' * 4000], ids=["long", "quotes"])
def test_a_group_of_many_keeps_the_limit_and_says_how_many_are_not_shown(
    name: str, hostile: str, every: Settings, server: FaultyHttp, mail_server: FaultySmtp
) -> None:
    """Where there is room for all, all are shown and nothing is said of others."""
    others = 150
    seen = got(name, about(hostile, others=others, language="en"), every, server, mail_server)
    whole = "\n".join((*seen.marked, *seen.plain))
    wrong = strange(whole.replace("\n", ""))
    assert not wrong, wrong[:3]
    counted = f"and {others} more" in whole
    if name in ("sms-aliyun", "sms-tencent"):
        return  # The approved template's parameters have no room for more than the first.
    first = whole.find("Babc")
    assert first >= 0, whole[:200]
    if name.startswith("sms"):
        return
    shown = sum(f"B{number:04}" in whole for number in range(others))
    left_out = re.search(r"and (\d+) more", whole.split("Babc")[-1])
    assert shown == others or counted or (left_out and int(left_out[1]) == others - shown), (shown, whole[-200:])
    assert first < (whole.find("B0000") if shown else len(whole)), "the most severe comes first"


def test_everyone_is_mentioned_only_by_the_configuration(
    every: Settings, server: FaultyHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    robot = every.recipients["wecom"].model_copy(update={"mention": ("@all",)})
    server.mood = TAKES["wecom"]
    for hostile in NAMES:
        for others in (0, 20):
            assert CHANNELS["wecom"](about(hostile, others=others), robot).kind == "accepted"
            body = json.loads(server.taken[-1].body)
            assert body["text"]["mentioned_list"] == ["@all"]
            assert "@" not in body["text"]["content"]
            assert "<" not in body["text"]["content"]
            assert len(body["text"]["content"].encode()) <= 2048


def test_a_webhook_gets_names_as_data(every: Settings, server: FaultyHttp) -> None:
    server.mood = TAKES["webhook"]
    for hostile in NAMES:
        assert CHANNELS["webhook"](about(hostile), every.recipients["webhook"]).kind == "accepted"
        document = json.loads(server.taken[-1].body)
        assert document["facts"]["scope_name"] == hostile
        assert not strange(document["title"])


anything = st.text(st.characters(), max_size=60) | st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("".join)


@pytest.mark.parametrize("name", [name for name in CHATS if name not in ("email", "webhook")])
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(hostile=anything.filter(lambda name: bool(name.strip("\x00 \n"))))
def test_whatever_the_name(
    name: str, hostile: str, every: Settings, server: FaultyHttp, mail_server: FaultySmtp
) -> None:
    printable = any(unicodedata.category(c)[0] != "C" and not c.isspace() for c in hostile)
    if not printable:
        return  # An empty name leaves its line out.
    harmless = got(name, about(HARMLESS), every, server, mail_server)
    compare(got(name, about(hostile), every, server, mail_server), harmless)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(hostile=anything)
def test_whatever_the_name_in_a_mail(
    hostile: str, every: Settings, server: FaultyHttp, mail_server: FaultySmtp
) -> None:
    message = about(HARMLESS)
    facts = {**message.facts, "budget_name": hostile, "recipients": []}
    harmless = got("email", message, every, server, mail_server)
    compare(got("email", replace(message, facts=facts), every, server, mail_server), harmless)
