"""Slack's incoming webhooks: blocks of text; accepted when the answer is the word ok."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from usage_pipeline.alerts.message import Links, Message
from usage_pipeline.alerts.text.escape import line, markup
from usage_pipeline.delivery.channels.base import Rate
from usage_pipeline.delivery.channels.card_channel import CardChannel, drafted
from usage_pipeline.delivery.channels.http_channel import Draft
from usage_pipeline.delivery.rendering import Fields, buttons_of, fields_of, fitted, subject
from usage_pipeline.http.exchange import HttpAnswer
from usage_pipeline.http.outcome import Outcome, by_status
from usage_pipeline.settings.environment import secret
from usage_pipeline.settings.recipients import CardRecipient, People, VariableName

_BLOCK = 3000
_LONGEST_TITLE = 150
# Slack takes 50 blocks: the title, the facts, the mentions and the buttons are one each.
_MOST_SECTIONS = 46
_LONGEST_TEXT = 40_000
_MALFORMED = ("invalid_payload", "invalid_blocks", "invalid_blocks_format")
_WHOLE_CHANNEL = {"@all": "<!channel>", "@channel": "<!channel>", "@here": "<!here>", "@everyone": "<!everyone>"}


class SlackRecipient(CardRecipient):
    """A Slack incoming webhook; the variable holds its URL. Mentions: member ids, group ids, @channel, @here."""

    channel: Literal["slack"]
    secret_env: VariableName
    mention: People = ()


class Slack(CardChannel[SlackRecipient]):
    """Marks in names are look-alikes and nothing is turned into links: the sections are verbatim."""

    name = "slack"
    rates = (Rate(1, per=timedelta(seconds=1)),)
    max_bytes = 40 * _BLOCK
    recipient_class = SlackRecipient

    def address(self, recipient: SlackRecipient) -> str:
        """The webhook's URL."""
        return secret(recipient.secret_env, "the slack recipient")

    def card(self, message: Message, recipient: SlackRecipient) -> Draft:
        """Title, three facts, text in as many sections as it takes, mentions, and buttons."""
        escape = markup("slack")
        title = subject(message, line, _LONGEST_TITLE)
        header = {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}}
        mentions = " ".join(_mention(who) for who in recipient.mention)
        buttons, fields = buttons_of(message), fields_of("slack.md.j2", message, escape)

        def body(text: str) -> dict[str, object]:
            sections = [_section(part) for part in _sections(text)] + ([_section(mentions)] if mentions else [])
            blocks = [header, *_facts(fields), *sections, *_actions(buttons)]
            return {"text": subject(message, escape), "blocks": blocks}

        return drafted(body, "slack.md.j2", message, escape, self.max_bytes, buttons=buttons, fields=fields)

    def text(self, message: Message, recipient: SlackRecipient) -> Draft:
        """A text without blocks."""
        mentions = "".join(f"\n{_mention(who)}" for who in recipient.mention)
        text = fitted("chat.txt.j2", message, markup("slack"), _LONGEST_TEXT, lambda text: len(text + mentions))
        return Draft({"text": text.text + mentions}, text.note)

    def evaluate(self, answer: HttpAnswer, recipient: SlackRecipient) -> Outcome:
        """200 alone is not enough: the body must be ok. Else Slack's word says why."""
        outcome = by_status(answer)
        if outcome.kind == "accepted" and (answer.status != 200 or answer.text.strip() != "ok"):
            return replace(outcome, kind="retry")
        return replace(outcome, malformed=answer.status == 400 and answer.text.strip() in _MALFORMED)


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": _verbatim(text)}


def _verbatim(text: str) -> dict[str, object]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _facts(fields: Fields) -> list[dict[str, object]]:
    texts = [_verbatim(f"*{label}*\n{value}") for label, value in fields]
    return [{"type": "section", "fields": texts}] if texts else []


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
