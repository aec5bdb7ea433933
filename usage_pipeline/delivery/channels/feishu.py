"""Feishu's and Lark's group bots: a card, signed; HTTP 200 with a code is a refusal."""

import base64
import hashlib
import hmac
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

from usage_pipeline.alerts.message import Links, Message
from usage_pipeline.alerts.text.escape import line, markup
from usage_pipeline.delivery.channels.base import Rate
from usage_pipeline.delivery.channels.card_channel import CardChannel, drafted
from usage_pipeline.delivery.channels.http_channel import A_MINUTE, JSON, Codes, Draft, as_json
from usage_pipeline.delivery.rendering import Fields, buttons_of, fields_of, subject
from usage_pipeline.http.exchange import HttpAnswer, HttpRequest
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings.environment import secret
from usage_pipeline.settings.recipients import CardRecipient, People, VariableName

_EVERYONE = "@all"
_COLOURS = {"emergency": "red", "critical": "orange", "warning": "yellow", "info": "blue"}
# A fact of so many characters may stand beside another.
_LONGEST_SHORT = 24
# What time and signature add to the body.
_SIGNED_BYTES = 256
_CODES = Codes(
    accepted=(0,),
    permanent=(19021, 19022, 19024, 19001),  # sign or clock, IP, keyword, bad token
    malformed=(9499, 11246, 19002),  # bad request, a card that cannot be read, a parameter in error
    too_often={11232: A_MINUTE},
)


class FeishuRecipient(CardRecipient):
    """A Feishu or Lark bot; one variable holds its URL, sign_env its signing secret. Mentions: open ids, or @all."""

    channel: Literal["feishu", "lark"]
    secret_env: VariableName
    sign_env: VariableName | None = None
    keyword: str | None = None
    mention: People = ()


class Feishu(CardChannel[FeishuRecipient]):
    """A card whose header is plain text; mentions stand in an element of their own, from the configuration alone."""

    name = "feishu"
    rates = (Rate(100, per=timedelta(minutes=1)), Rate(5, per=timedelta(seconds=1)))
    max_bytes = 20_000
    recipient_class = FeishuRecipient

    def address(self, recipient: FeishuRecipient) -> str:
        """The bot's URL."""
        return secret(recipient.secret_env, f"the {self.name} recipient")

    def card(self, message: Message, recipient: FeishuRecipient) -> Draft:
        """A card with a coloured head, three facts, the rest as text, and buttons."""
        escape, buttons = markup("lark"), buttons_of(message)
        fields = fields_of("feishu.md.j2", message, escape)

        def body(text: str) -> dict[str, object]:
            return {"msg_type": "interactive", "card": _card(message, recipient, text, fields, buttons)}

        limit = self.max_bytes - _SIGNED_BYTES
        return drafted(body, "feishu.md.j2", message, escape, limit, buttons=buttons, fields=fields)

    def text(self, message: Message, recipient: FeishuRecipient) -> Draft:
        """A text without any markup but mentions."""
        people = "".join(f'<at user_id="{"all" if who == _EVERYONE else who}"></at>' for who in recipient.mention)
        end = "".join(f"\n{part}" for part in (recipient.keyword, people) if part)

        def body(text: str) -> dict[str, object]:
            return {"msg_type": "text", "content": {"text": text + end}}

        limit = self.max_bytes - _SIGNED_BYTES
        return drafted(body, "chat.txt.j2", message, markup("text"), limit)

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


def _card(message: Message, recipient: FeishuRecipient, text: str, fields: Fields, buttons: Links) -> dict[str, object]:
    elements: list[dict[str, object]] = [{"tag": "div", "fields": [*_fields(fields)]}] if fields else []
    elements.append({"tag": "div", "text": {"tag": "lark_md", "content": text}})
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


def _fields(fields: Fields) -> Iterator[dict[str, object]]:
    """Two in a row, as long as they are short."""
    for label, value in fields:
        text = {"tag": "lark_md", "content": f"**{label}**\n{value}"}
        yield {"is_short": len(value) <= _LONGEST_SHORT, "text": text}


def _actions(buttons: Links) -> Iterator[dict[str, object]]:
    for number, (label, url) in enumerate(buttons):
        text = {"tag": "plain_text", "content": label}
        yield {"tag": "button", "text": text, "url": url, "type": "default" if number else "primary"}
