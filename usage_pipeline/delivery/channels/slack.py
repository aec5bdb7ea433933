"""Slack's incoming webhooks: blocks of text; accepted when the answer is the word ok."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from usage_pipeline.alerts.message import Links, Message
from usage_pipeline.alerts.text.escape import line, markup
from usage_pipeline.delivery.channels.base import Rate
from usage_pipeline.delivery.channels.http_channel import Draft, WebChannel, as_json
from usage_pipeline.delivery.rendering import buttons_of, fitted, subject
from usage_pipeline.http.exchange import HttpAnswer
from usage_pipeline.http.outcome import Outcome, by_status
from usage_pipeline.settings.environment import secret
from usage_pipeline.settings.recipients import People, VariableName, WebRecipient

_BLOCK = 3000
_LONGEST_TITLE = 150
# Slack takes 50 blocks: the title, the mentions and the buttons are one each.
_MOST_SECTIONS = 47
_WHOLE_CHANNEL = {"@all": "<!channel>", "@channel": "<!channel>", "@here": "<!here>", "@everyone": "<!everyone>"}


class SlackRecipient(WebRecipient):
    """A Slack incoming webhook; the variable holds its URL. Mentions: member ids, group ids, @channel, @here."""

    channel: Literal["slack"]
    secret_env: VariableName
    mention: People = ()


class Slack(WebChannel[SlackRecipient]):
    """Marks in names are look-alikes and nothing is turned into links: the sections are verbatim."""

    name = "slack"
    rates = (Rate(1, per=timedelta(seconds=1)),)
    max_bytes = 40 * _BLOCK
    recipient_class = SlackRecipient

    def address(self, recipient: SlackRecipient) -> str:
        """The webhook's URL."""
        return secret(recipient.secret_env, "the slack recipient")

    def drafts(self, message: Message, recipient: SlackRecipient) -> Sequence[Draft]:
        """Title, text in as many sections as it takes, and mentions."""
        escape = markup("slack")
        title = subject(message, line, _LONGEST_TITLE)
        header = {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}}
        mentions = " ".join(_mention(who) for who in recipient.mention)
        buttons = buttons_of(message)

        def body(text: str) -> dict[str, object]:
            sections = [_section(part) for part in _sections(text)] + ([_section(mentions)] if mentions else [])
            return {"text": subject(message, escape), "blocks": [header, *sections, *_actions(buttons)]}

        text = fitted(
            "slack.md.j2", message, escape, self.max_bytes, lambda text: len(as_json(body(text))), buttons=buttons
        )
        return [Draft(body(text.text), text.note)]

    def evaluate(self, answer: HttpAnswer, recipient: SlackRecipient) -> Outcome:
        """200 alone is not enough: the body must be ok. Else Slack's word says why."""
        outcome = by_status(answer)
        if outcome.kind == "accepted" and (answer.status != 200 or answer.text.strip() != "ok"):
            return replace(outcome, kind="retry")
        return outcome


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _actions(buttons: Links) -> list[dict[str, object]]:
    elements: list[dict[str, object]] = [
        {
            "type": "button",
            "text": {"type": "plain_text", "text": label, "emoji": False},
            "url": url,
            "action_id": f"open_{number}",
            **({} if number else {"style": "primary"}),
        }
        for number, (label, url) in enumerate(buttons)
    ]
    return [{"type": "actions", "elements": elements}] if elements else []


def _sections(text: str) -> list[str]:
    """Between lines where that gives few enough; else cut where a block is full."""
    parts = list(_parts(text))
    if len(parts) <= _MOST_SECTIONS:
        return parts
    whole = text.strip()
    return [whole[at : at + _BLOCK] for at in range(0, len(whole), _BLOCK)]


def _parts(text: str) -> Iterator[str]:
    """The text in pieces that a block can hold, cut between lines where there are any."""
    rest = text.strip()
    while len(rest) > _BLOCK:
        at = rest.rfind("\n", 1, _BLOCK)
        at = at if at > 0 else _BLOCK
        yield rest[:at]
        rest = rest[at:].lstrip("\n")
    if rest:
        yield rest


def _mention(who: str) -> str:
    if who in _WHOLE_CHANNEL:
        return _WHOLE_CHANNEL[who]
    return f"<!subteam^{who}>" if who.startswith("S") else f"<@{who}>"
