"""WeCom group robots: Markdown, or text where everyone is mentioned; HTTP 200 with an errcode is a refusal."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.text.escape import markup
from usage_pipeline.delivery.channels.base import Rate
from usage_pipeline.delivery.channels.http_channel import A_MINUTE, Codes, Draft, WebChannel
from usage_pipeline.delivery.rendering import fitted
from usage_pipeline.http.exchange import HttpAnswer
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings.environment import secret
from usage_pipeline.settings.recipients import People, VariableName, WebRecipient

_MOST_TEXT_BYTES = 2048
_MOST_MENTION_BYTES = 1024
_EVERYONE = "@all"
_CODES = Codes(
    accepted=(0,),
    permanent=(93000, 40058, 40008),  # bad key, bad parameter, bad message type
    too_often={45009: A_MINUTE},
)


class WecomRecipient(WebRecipient):
    """A WeCom group robot; the variable holds its whole URL, which is a secret. Mentions: user ids, or @all."""

    channel: Literal["wecom"]
    secret_env: VariableName
    mention: People = ()


class Wecom(WebChannel[WecomRecipient]):
    """Markdown names a person as <@userid>, but knows no way to name everyone: that takes a text."""

    name = "wecom"
    rates = (Rate(20, per=timedelta(minutes=1)),)
    max_bytes = 4096
    recipient_class = WecomRecipient

    def address(self, recipient: WecomRecipient) -> str:
        """The robot's URL."""
        return secret(recipient.secret_env, "the wecom recipient")

    def drafts(self, message: Message, recipient: WecomRecipient) -> Sequence[Draft]:
        """One message to the group."""
        if _EVERYONE in recipient.mention:
            text = fitted("wecom.txt.j2", message, markup("text"), _MOST_TEXT_BYTES)
            content = {"content": text.text, "mentioned_list": list(recipient.mention)}
            return [Draft({"msgtype": "text", "text": content}, text.note)]
        mentions = _mentions(recipient.mention)
        text = fitted("wecom.md.j2", message, markup("wecom"), self.max_bytes - len(mentions.encode()))
        return [Draft({"msgtype": "markdown", "markdown": {"content": text.text + mentions}}, text.note)]

    def evaluate(self, answer: HttpAnswer, recipient: WecomRecipient) -> Outcome:
        """By errcode."""
        return _CODES.evaluate(answer, "errcode")


def _mentions(users: Sequence[str]) -> str:
    """As many as leave room for the alert."""
    found = ""
    for user in users:
        if len(f"{found}<@{user}>".encode()) <= _MOST_MENTION_BYTES:
            found += f"<@{user}>"
    return f"\n{found}" if found else ""
