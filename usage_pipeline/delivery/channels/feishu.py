"""Feishu's and Lark's group bots: a card, signed; HTTP 200 with a code is a refusal."""

import base64
import hashlib
import hmac
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Literal

from usage_pipeline.alerts.message import Links, Message
from usage_pipeline.alerts.text.escape import line, markup
from usage_pipeline.delivery.channels.base import Rate
from usage_pipeline.delivery.channels.http_channel import A_MINUTE, JSON, Codes, Draft, WebChannel, as_json
from usage_pipeline.delivery.rendering import buttons_of, fitted, subject
from usage_pipeline.http.exchange import HttpAnswer, HttpRequest
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings.environment import secret
from usage_pipeline.settings.recipients import People, VariableName, WebRecipient

_EVERYONE = "@all"
_COLOURS = {"emergency": "red", "critical": "orange", "warning": "yellow", "info": "blue"}
# What time and signature add to the body.
_SIGNED_BYTES = 256
_CODES = Codes(
    accepted=(0,),
    permanent=(19021, 19022, 19024, 9499, 19001),  # sign or clock, IP, keyword, bad request, bad token
    too_often={11232: A_MINUTE},
)


class FeishuRecipient(WebRecipient):
    """A Feishu or Lark bot; one variable holds its URL, sign_env its signing secret. Mentions: open ids, or @all."""

    channel: Literal["feishu", "lark"]
    secret_env: VariableName
    sign_env: VariableName | None = None
    keyword: str | None = None
    mention: People = ()


class Feishu(WebChannel[FeishuRecipient]):
    """A card whose header is plain text; mentions stand in an element of their own, from the configuration alone."""

    name = "feishu"
    rates = (Rate(100, per=timedelta(minutes=1)), Rate(5, per=timedelta(seconds=1)))
    max_bytes = 20_000
    recipient_class = FeishuRecipient

    def address(self, recipient: FeishuRecipient) -> str:
        """The bot's URL."""
        return secret(recipient.secret_env, f"the {self.name} recipient")

    def drafts(self, message: Message, recipient: FeishuRecipient) -> Sequence[Draft]:
        """One card."""
        buttons = buttons_of(message)

        def body(text: str) -> dict[str, object]:
            return {"msg_type": "interactive", "card": _card(message, recipient, text, buttons)}

        limit = self.max_bytes - _SIGNED_BYTES
        text = fitted(
            "feishu.md.j2", message, markup("lark"), limit, lambda text: len(as_json(body(text))), buttons=buttons
        )
        return [Draft(body(text.text), text.note)]

    def request(self, draft: Draft, message: Message, recipient: FeishuRecipient) -> HttpRequest:
        """The body with time and signature of this moment."""
        signed: dict[str, object] = {}
        if recipient.sign_env:
            stamp = str(int(time.time()))
            key = secret(recipient.sign_env, f"the {self.name} recipient")
            signed = {"timestamp": stamp, "sign": signature(stamp, key)}
        return HttpRequest(self.address(recipient), as_json({**signed, **draft.body}), {"Content-Type": JSON})

    def evaluate(self, answer: HttpAnswer, recipient: FeishuRecipient) -> Outcome:
        """By code, which older bots call StatusCode."""
        return _CODES.evaluate(answer, "code", "StatusCode")


class Lark(Feishu):
    """The same bot outside China."""

    name = "lark"


def signature(stamp: str, key: str) -> str:
    """What the bot expects for a time in seconds: the empty message under a key that holds time and secret."""
    return base64.b64encode(hmac.digest(f"{stamp}\n{key}".encode(), b"", hashlib.sha256)).decode()


def _card(message: Message, recipient: FeishuRecipient, text: str, buttons: Links) -> dict[str, object]:
    elements: list[dict[str, object]] = [{"tag": "div", "text": {"tag": "lark_md", "content": text}}]
    if recipient.keyword:
        elements.append({"tag": "div", "text": {"tag": "plain_text", "content": recipient.keyword}})
    if recipient.mention:
        people = "".join(f"<at id={'all' if who == _EVERYONE else who}></at>" for who in recipient.mention)
        elements.append({"tag": "div", "text": {"tag": "lark_md", "content": people}})
    if buttons:
        elements.append({"tag": "action", "actions": [*_actions(buttons)]})
    header = {
        "title": {"tag": "plain_text", "content": subject(message, line)},
        "template": "green" if message.event == "resolve" else _COLOURS.get(message.alerts[0].level, "grey"),
    }
    return {"config": {"wide_screen_mode": True}, "header": header, "elements": elements}


def _actions(buttons: Links) -> Iterator[dict[str, object]]:
    for number, (label, url) in enumerate(buttons):
        text = {"tag": "plain_text", "content": label}
        yield {"tag": "button", "text": text, "url": url, "type": "default" if number else "primary"}
