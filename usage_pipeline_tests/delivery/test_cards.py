"""Cards: three facts first, a colour by level, the shape that its platform takes, and a text where none is wanted."""

import json
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest

from usage_pipeline.alerts.kinds.registry import kinds
from usage_pipeline.alerts.message import Alert, Message
from usage_pipeline.alerts.text.texts import leading_lines, lines_of
from usage_pipeline.delivery.channels import slack as slack_channel
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.settings import SettingsError, parse_settings
from usage_pipeline_tests.delivery.test_hostile_names import NAMES
from usage_pipeline_tests.support.message_examples import examples
from usage_pipeline_tests.support.message_pictures import body_of
from usage_pipeline_tests.support.message_variants import variants
from usage_pipeline_tests.support.platform_rules import known, wrong_with

CARDS = ("dingtalk", "feishu", "lark", "slack", "teams")
LEVELS = ("warning", "critical", "emergency")
EVERYONE: dict[str, dict[str, object]] = {"wecom": {"mention": ["@all"]}}


def budget(level: str = "emergency", language: str = "en") -> Message:
    """A budget's alert of that level."""
    return replace(examples(language)["budget"], level=level)


def colour_of(channel: str, body: Any) -> str:
    """The colour that the channel shows a message in."""
    match channel:
        case "feishu" | "lark":
            return str(body["card"]["header"]["template"])
        case "teams":
            return str(body["attachments"][0]["content"]["body"][0]["color"])
        case "pagerduty":
            return str(body["payload"]["severity"])
        case _:
            page = body.get_body(("html",)).get_content()
            return str(page.partition('<tr><td style="background:')[2][:7])


@pytest.mark.parametrize(
    ("channel", "by_level", "over"),
    [
        ("feishu", ["yellow", "orange", "red"], "green"),
        ("lark", ["yellow", "orange", "red"], "green"),
        # An Adaptive Card has one colour between green and red.
        ("teams", ["warning", "warning", "attention"], "good"),
        ("email", ["#946200", "#b3420a", "#b42318"], "#1a7f37"),
        # Its colours are those of its severities; what is over has none.
        ("pagerduty", ["warning", "error", "critical"], None),
    ],
)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_level_has_its_colour(channel: str, by_level: list[str], over: str | None, language: str) -> None:
    shown = [colour_of(channel, body_of(channel, budget(level, language))) for level in LEVELS]
    assert shown == by_level
    if over:
        assert colour_of(channel, body_of(channel, examples(language)["budget, over"])) == over


def facts_in(channel: str, body: Any) -> list[str]:
    """The facts that stand before the text of a card."""
    match channel:
        case "feishu" | "lark":
            return [field["text"]["content"] for field in body["card"]["elements"][0]["fields"]]
        case "slack":
            return [field["text"] for field in body["blocks"][1]["fields"]]
        case "teams":
            return [
                f"{fact['title']}\n{fact['value']}" for fact in body["attachments"][0]["content"]["body"][1]["facts"]
            ]
        case _:
            said = body["actionCard"]["text"] if "actionCard" in body else body["markdown"]["text"]
            return [line for line in said.splitlines() if line.startswith("> ")]


@pytest.mark.parametrize("channel", CARDS)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_card_begins_with_three_facts_and_says_each_once(channel: str, language: str) -> None:
    message = budget(language=language)
    body = body_of(channel, message)
    facts, whole = facts_in(channel, body), json.dumps(body, ensure_ascii=False)
    assert len(facts) == 3
    assert "3,082,408 tokens / 2,000,000 tokens" in facts[0]
    assert "6,200,000 tokens" in facts[1]
    assert "2026-11-25" in facts[2]
    assert whole.count("3,082,408 tokens / 2,000,000 tokens") == 1, "and not again below"
    top = "主要调用方（本周期）" if language == "zh" else "Top callers, this period"
    assert top in whole, "the rest follows as text"


@pytest.mark.parametrize("kind", kinds())
@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_kind_shows_more_than_three_or_what_is_no_line_of_it(kind: str, language: str) -> None:
    for name, _, facts in variants():
        if name == kind:
            alert = Alert("B1", kind, "warning", facts)
            first, lines = leading_lines(alert, language), lines_of(alert, language)
            assert 1 <= len(first) <= 3
            assert set(first) <= set(lines)


def test_in_a_list_each_kind_says_the_most_telling_of_it_once() -> None:
    """A text message has no room for more."""
    told = {name: body_of("sms", message)["text"] for name, message in examples("en").items()}
    assert told["budget, over"].startswith(
        "[resolved · RED] Agents, a day · lead-enricher: 77.7 % Why it is over: below"
    )
    assert "154.1 %" not in told["budget, over"]
    assert "Used: 900,000 tokens; Usual (median): 12,000 tokens" in told["anomaly"]
    assert "ops Undelivered: 14 so far; Since: 2026-03-02" in told["delivery"]
    assert "Last read: 2026-03-02" in told["source"]


def test_who_took_it_stands_first() -> None:
    taken = examples("en")["budget, taken"]
    assert [label for label, _ in leading_lines(taken.alerts[0], "en")] == ["Taken by", "Note"]


@pytest.mark.parametrize("channel", sorted({*CARDS, "wecom", "email"}))
def test_of_several_the_gravest_three_are_told_whole_and_the_others_listed(channel: str) -> None:
    body = body_of(channel, examples("en")["budget, five at once"])
    text = body.get_body(("plain",)).get_content() if isinstance(body, EmailMessage) else json.dumps(body)
    assert text.count("Top callers, this period") == 3
    for name in ("Agents, a day", "Production, a month", "Knowledge, a week", "Keys, a day", "Company, a month"):
        assert name in text


def hostile(language: str) -> Iterator[Message]:
    """Budgets whose names are the longest and oddest, alone and many together; both languages have the same marks."""
    example = replace(examples("en")["budget"], language=language)
    for name in NAMES if language == "zh" else NAMES[::6]:
        share = {"name": name, "share": "0.5", "tokens": "10", "calls": "3"}
        facts = {**example.facts, "scope_name": name, "budget_name": name, "tenant_name": name, "environment": name}
        facts |= {"top": {"callers": [share] * 3}, "top_in_period": {"nodes": [share] * 3}}
        yield replace(example, facts=facts)
    others = tuple(Alert(f"B{number}", "budget", "warning", facts) for number in range(60))
    yield replace(example, facts=facts, others=others)


def forms() -> Iterator[tuple[str, dict[str, object]]]:
    """Each channel by each form that it has."""
    for channel in sorted(known()):
        if channel in CARDS:
            yield from ((channel, {"style": style}) for style in ("card", "text"))
        else:
            yield channel, {}
    yield from EVERYONE.items()


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(("channel", "settings"), forms())
def test_every_message_is_one_that_its_platform_takes(channel: str, settings: dict[str, object], language: str) -> None:
    for name, message in examples(language).items():
        assert (name, wrong_with(channel, body_of(channel, message, **settings))) == (name, [])
    for message in hostile(language):
        assert wrong_with(channel, body_of(channel, message, **settings)) == []


def test_the_rules_see_what_is_wrong() -> None:
    slack = body_of("slack", budget())
    slack["blocks"][0]["text"]["text"] = "x" * 151
    assert wrong_with("slack", slack) == ["a header: 151 is not 1 to 150"]
    feishu = body_of("feishu", budget())
    feishu["card"]["header"]["template"] = "pink"
    assert wrong_with("feishu", feishu) == ["template: 'pink'"]
    teams = body_of("teams", budget())
    teams["attachments"][0]["content"]["version"] = "1.6"
    assert wrong_with("teams", teams) == ["version: '1.6'"]
    dingtalk = body_of("dingtalk", budget())
    dingtalk["actionCard"]["btns"] = []
    assert wrong_with("dingtalk", dingtalk) == ["btns: 0 is not 1 to 5"]
    assert wrong_with("wecom", {"msgtype": "markdown", "markdown": {"content": "名" * 1366}}) != []


def test_slack_gets_no_more_blocks_than_it_takes_and_all_of_the_text() -> None:
    """Lines of which no two fit into a block, as many as Slack's limit in bytes lets through."""
    lines = [str(number % 10) * (slack_channel._BLOCK // 2 + 100) for number in range(70)]
    sections = slack_channel._sections("\n".join(lines))
    assert len(sections) <= 46 and all(len(section) <= 3000 for section in sections)
    assert "".join(sections).replace("\n", "") == "".join(lines)


def plain_text(channel: str, body: Any) -> str:
    """What is said where a card is not wanted; fails where it is one after all."""
    match channel:
        case "feishu" | "lark":
            assert body["msg_type"] == "text"
            return str(body["content"]["text"])
        case "slack":
            assert set(body) == {"text"}
            return str(body["text"])
        case "teams":
            card = body["attachments"][0]["content"]
            assert {block["type"] for block in card["body"]} == {"TextBlock"}
            assert "actions" not in card
            return "\n".join(block["text"] for block in card["body"])
        case _:
            assert body["msgtype"] == "text"
            return str(body["text"]["content"])


@pytest.mark.parametrize("channel", CARDS)
def test_style_text_says_everything_without_a_card(channel: str) -> None:
    text = plain_text(channel, body_of(channel, budget(), style="text"))
    for said in (
        "154.1 %",
        "3,082,408 tokens / 2,000,000 tokens",
        "Top callers, this period",
        "B7f3k2m9qa",
        "https://",
    ):
        assert said in text
    assert plain_text(channel, body_of(channel, replace(budget(), as_text=True))) == text, "as once a card was refused"


@pytest.mark.parametrize("channel", CARDS)
def test_a_text_mentions_whom_a_card_would(channel: str) -> None:
    mention = "wang@example.com" if channel == "teams" else "U0123"
    assert mention in plain_text(channel, body_of(channel, budget(), style="text", mention=[mention]))


def test_a_style_is_a_card_or_a_text_and_only_where_there_are_cards() -> None:
    robot = "version: 1\nrecipients:\n  ops: {{channel: {channel}, secret_env: HOOK, style: {style}}}\n"
    for channel in CARDS:
        recipient = parse_settings(robot.format(channel=channel, style="text"), "c.yaml").recipients["ops"]
        assert vars(recipient)["style"] == "text"
    for channel, style in (("feishu", "pretty"), ("wecom", "text")):
        with pytest.raises(SettingsError, match="style"):
            parse_settings(robot.format(channel=channel, style=style), "c.yaml")
    assert all(hasattr(CHANNELS[channel], "card") == (channel in CARDS) for channel in CHANNELS)


def test_what_a_message_says_twice_is_there_twice_at_pagerduty() -> None:
    lines = lines_of(examples("en")["enforcement"].alerts[0], "en")
    details = body_of("pagerduty", examples("en")["enforcement"])["payload"]["custom_details"]
    assert details["Does not stop"] == "runs that have begun; calls as a tool of other apps"
    assert all(value in details[label] for label, value in lines)


def test_a_cards_facts_are_short() -> None:
    for language in ("zh", "en"):
        for name, message in examples(language).items():
            longest = max((value for _, value in leading_lines(message.alerts[0], language)), key=len)
            assert len(longest) <= 90, (name, longest)
