"""Microsoft Teams by a workflow's webhook: an Adaptive Card."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from usage_pipeline.alerts.message import Links, Message
from usage_pipeline.alerts.text.escape import markup
from usage_pipeline.delivery.channels.base import Rate
from usage_pipeline.delivery.channels.card_channel import CardChannel, drafted
from usage_pipeline.delivery.channels.http_channel import Draft
from usage_pipeline.delivery.rendering import Fields, buttons_of, fields_of, subject
from usage_pipeline.http.exchange import HttpAnswer
from usage_pipeline.http.outcome import Outcome, by_status
from usage_pipeline.settings.environment import secret
from usage_pipeline.settings.recipients import CardRecipient, People, VariableName

_COLOURS = {"emergency": "attention", "critical": "warning", "warning": "warning", "info": "accent"}

# What a card shows; further ones would be hidden behind a menu.
_MOST_BUTTONS = 6


class TeamsRecipient(CardRecipient):
    """A Teams channel by a workflow's webhook; the variable holds its URL. Mentions: addresses of people."""

    channel: Literal["teams"]
    secret_env: VariableName
    mention: People = ()


class Teams(CardChannel[TeamsRecipient]):
    """One block of text a line. Braces in names are look-alikes too: a card evaluates {{DATE(…)}}."""

    name = "teams"
    rates = (Rate(4, per=timedelta(seconds=1)),)
    max_bytes = 28_000
    recipient_class = TeamsRecipient

    def address(self, recipient: TeamsRecipient) -> str:
        """The workflow's URL."""
        return secret(recipient.secret_env, "the teams recipient")

    def card(self, message: Message, recipient: TeamsRecipient) -> Draft:
        """A card with a coloured title, three facts, the rest as text, and buttons."""
        escape, buttons = markup("teams"), buttons_of(message)[:_MOST_BUTTONS]
        fields = fields_of("teams.md.j2", message, escape)

        def body(text: str) -> dict[str, object]:
            return _posted({**_plain_card(message, recipient, text, fields), **_actions(buttons)})

        return drafted(body, "teams.md.j2", message, escape, self.max_bytes, buttons=buttons, fields=fields)

    def text(self, message: Message, recipient: TeamsRecipient) -> Draft:
        """A workflow takes nothing but cards: one of texts alone, which any version of them shows."""

        def body(text: str) -> dict[str, object]:
            return _posted(_plain_card(message, recipient, text))

        return drafted(body, "teams.md.j2", message, markup("teams"), self.max_bytes)

    def evaluate(self, answer: HttpAnswer, recipient: TeamsRecipient) -> Outcome:
        """By the status: 400 is of the body."""
        return replace(by_status(answer), malformed=answer.status == 400)


def _posted(card: Mapping[str, object]) -> dict[str, object]:
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _plain_card(
    message: Message, recipient: TeamsRecipient, text: str, fields: Fields | None = None
) -> dict[str, object]:
    """Title and text; with fields also their colour, and the newest version that phones show."""
    title = _block(subject(message, markup("teams"))) | {"weight": "bolder", "size": "medium"}
    facts: list[dict[str, object]] = []
    if fields is not None:
        title["color"] = "good" if message.event == "resolve" else _COLOURS.get(message.alerts[0].level, "default")
    if fields:
        facts = [{"type": "FactSet", "facts": [{"title": label, "value": value} for label, value in fields]}]
    card: dict[str, object] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2" if fields is None else "1.4",
        "body": [title, *facts, *(_block(part) for part in text.splitlines() if part.strip()), *_named(recipient)],
    }
    if recipient.mention:
        card["msteams"] = {
            "entities": [
                {"type": "mention", "text": f"<at>{who}</at>", "mentioned": {"id": who, "name": who}}
                for who in recipient.mention
            ]
        }
    return card


def _actions(buttons: Links) -> dict[str, object]:
    actions = [{"type": "Action.OpenUrl", "title": label, "url": url} for label, url in buttons]
    return {"actions": actions} if actions else {}


def _named(recipient: TeamsRecipient) -> list[dict[str, object]]:
    people = " ".join(f"<at>{who}</at>" for who in recipient.mention)
    return [_block(people)] if people else []


def _block(text: str) -> dict[str, object]:
    return {"type": "TextBlock", "text": text, "wrap": True, "spacing": "small"}
