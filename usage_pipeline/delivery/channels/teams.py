"""Microsoft Teams by a workflow's webhook: an Adaptive Card."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from usage_pipeline.alerts.message import Links, Message
from usage_pipeline.alerts.text.escape import markup
from usage_pipeline.delivery.channels.base import Rate
from usage_pipeline.delivery.channels.http_channel import Draft, WebChannel, as_json
from usage_pipeline.delivery.rendering import buttons_of, fitted, subject
from usage_pipeline.settings.environment import secret
from usage_pipeline.settings.recipients import People, VariableName, WebRecipient

_COLOURS = {"emergency": "attention", "critical": "warning", "warning": "warning", "info": "accent"}

# What a card shows; further ones would be hidden behind a menu.
_MOST_BUTTONS = 6


class TeamsRecipient(WebRecipient):
    """A Teams channel by a workflow's webhook; the variable holds its URL. Mentions: addresses of people."""

    channel: Literal["teams"]
    secret_env: VariableName
    mention: People = ()


class Teams(WebChannel[TeamsRecipient]):
    """One block of text a line. Braces in names are look-alikes too: a card evaluates {{DATE(…)}}."""

    name = "teams"
    rates = (Rate(4, per=timedelta(seconds=1)),)
    max_bytes = 28_000
    recipient_class = TeamsRecipient

    def address(self, recipient: TeamsRecipient) -> str:
        """The workflow's URL."""
        return secret(recipient.secret_env, "the teams recipient")

    def drafts(self, message: Message, recipient: TeamsRecipient) -> Sequence[Draft]:
        """One card."""
        buttons = buttons_of(message)[:_MOST_BUTTONS]

        def body(text: str) -> dict[str, object]:
            return {"type": "message", "attachments": [_attachment(message, recipient, text, buttons)]}

        text = fitted(
            "teams.md.j2",
            message,
            markup("teams"),
            self.max_bytes,
            lambda text: len(as_json(body(text))),
            buttons=buttons,
        )
        return [Draft(body(text.text), text.note)]


def _attachment(message: Message, recipient: TeamsRecipient, text: str, buttons: Links) -> dict[str, object]:
    colour = "good" if message.event == "resolve" else _COLOURS.get(message.alerts[0].level, "default")
    title = _block(subject(message, markup("teams"))) | {"weight": "bolder", "size": "medium", "color": colour}
    card: dict[str, object] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [title, *(_block(part) for part in text.splitlines() if part.strip()), *_named(recipient)],
    }
    if buttons:
        card["actions"] = [{"type": "Action.OpenUrl", "title": label, "url": url} for label, url in buttons]
    if recipient.mention:
        card["msteams"] = {
            "entities": [
                {"type": "mention", "text": f"<at>{who}</at>", "mentioned": {"id": who, "name": who}}
                for who in recipient.mention
            ]
        }
    return {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}


def _named(recipient: TeamsRecipient) -> list[dict[str, object]]:
    people = " ".join(f"<at>{who}</at>" for who in recipient.mention)
    return [_block(people)] if people else []


def _block(text: str) -> dict[str, object]:
    return {"type": "TextBlock", "text": text, "wrap": True, "spacing": "small"}
