"""Addresses of ours stay whole and can be tapped on every channel; one inside a name is no address any more."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from usage_pipeline.alerts.kinds.registry import kinds
from usage_pipeline.alerts.message import Alert, Message
from usage_pipeline.alerts.text.escape import MARKS, OurUrl, line, markup, our_url
from usage_pipeline.alerts.text.texts import lines_of
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.delivery.previews import previews
from usage_pipeline.delivery.rendering import render
from usage_pipeline.settings import parse_settings

SETTINGS = parse_settings("version: 1\n", "c.yaml")
PAGE = "https://usage.example.com/a/WyJvcHMiLCJCYSJd.x_-y"
EVIL = "https://evil.example/x"
# As an app of the channel makes a link of it; where nothing is named, the address alone is enough.
TAPPED = {"slack": "<{0}>", **dict.fromkeys(("wecom", "dingtalk", "feishu", "lark", "teams"), "[{0}]({0})")}

# The dialect of each template.
MARKED = {
    "apprise.txt.j2": "apprise",
    "dingtalk.md.j2": "dingtalk",
    "feishu.md.j2": "lark",
    "slack.md.j2": "slack",
    "sms.txt.j2": "sms",
    "teams.md.j2": "teams",
    "wecom.md.j2": "wecom",
    "wecom.txt.j2": "text",
}


def carrying() -> Iterator[tuple[str, str]]:
    """Every kind whose lines hold an address of ours, with it."""
    for name, kind in kinds().items():
        message = Message("d", "Ba", name, "critical", kind.example().stored(), "en")
        yield from ((name, value) for _, value in lines_of(message.alerts[0], "en") if isinstance(value, OurUrl))


def shown(message: Message, channel: str) -> str:
    """What the channel would be sent."""
    (preview,) = previews(message, SETTINGS, channel, message.language)
    return preview.text


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("channel", sorted(set(CHANNELS) - {"sms"}))
def test_an_address_of_ours_can_be_tapped(channel: str, language: str) -> None:
    found = list(carrying())
    assert "watch" in dict(found)
    for kind, url in found:
        facts = kinds()[kind].example().stored()
        text = shown(Message("d", "Ba", kind, "critical", facts, language), channel)
        assert TAPPED.get(channel, "{0}").format(url) in text
        assert "：//" not in text
        if channel == "email":
            assert f'<a href="{url}">{url}</a>' in text


@pytest.mark.parametrize("channel", sorted(set(CHANNELS) - {"sms", "webhook"}))
def test_links_to_the_page_stay_whole_in_every_kind(channel: str) -> None:
    for name, kind in kinds().items():
        links = (("read", PAGE), ("acknowledge", f"{PAGE}2"))
        text = shown(Message("d", "Ba", name, "critical", kind.example().stored(), "en", links=links), channel)
        assert PAGE in text, name
        assert f"{PAGE}2" in text, name


@pytest.mark.parametrize("template", sorted(MARKED))
def test_an_address_within_a_name_is_none(template: str) -> None:
    shown_as_name = 0
    for name, kind in kinds().items():
        facts = {key: EVIL if isinstance(value, str) else value for key, value in kind.example().stored().items()}
        facts.pop("link", None)
        message = Message("d", "Ba", name, "critical", facts, "en")
        for sent in (message, replace(message, others=(Alert("Bb", name, "info", facts),))):
            text = render(template, sent, markup(MARKED[template])).text
            assert not re.search(r"https?://evil", text), name
            shown_as_name += EVIL.replace("://", "：//") in text
    assert shown_as_name > len(kinds())


@pytest.mark.parametrize("dialect", sorted(MARKS))
@pytest.mark.parametrize(
    "altered",
    [
        f"{EVIL}>",
        f"{EVIL}|x",
        f"{EVIL})[x",
        f"{EVIL} x",
        "javascript:alert(1)",
        f"{EVIL}\n",
        f"{EVIL}?a=<@all>",
        "<@all>",
    ],
)
def test_what_is_no_plain_address_is_a_name(dialect: str, altered: str) -> None:
    assert not isinstance(our_url(altered), OurUrl)
    assert markup(dialect)(our_url(altered)) == markup(dialect)(line(altered))
    assert our_url(None) == ""


def test_a_text_without_markup_has_the_address_alone() -> None:
    (url,) = (url for kind, url in carrying() if kind == "watch")
    sender = CHANNELS["wecom"]
    everyone = sender.recipient_class.model_validate({"channel": "wecom", "secret_env": "HOOK", "mention": ["@all"]})
    text = sender.preview(Message("d", "Ba", "watch", "critical", kinds()["watch"].example().stored(), "en"), everyone)
    assert f"Run: {url}\n" in text
