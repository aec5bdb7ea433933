"""DingTalk group robots: Markdown, signed; HTTP 200 with an errcode is a refusal."""

import base64
import hashlib
import hmac
import time
from datetime import timedelta
from typing import Literal
from urllib.parse import quote_plus, urlsplit

from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.text.escape import line, markup
from usage_pipeline.delivery.channels.base import Rate
from usage_pipeline.delivery.channels.card_channel import CardChannel, drafted
from usage_pipeline.delivery.channels.http_channel import JSON, Codes, Draft, as_json
from usage_pipeline.delivery.rendering import buttons_of, fields_of, subject
from usage_pipeline.http.exchange import HttpAnswer, HttpRequest
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings.environment import secret
from usage_pipeline.settings.recipients import CardRecipient, Numbers, People, VariableName

_EVERYONE = "@all"
_LONGEST_TITLE = 60
_MUTE = timedelta(minutes=10)
_CODES = Codes(
    accepted=(0,),
    permanent=(310000, 300001, 300005),  # sign, keyword or IP; bad token
    malformed=(40035, 400402, 400403),  # no JSON that can be read; title or text is missing or of another form
    # Who goes on while muted is muted anew: wait until that is over.
    too_often={130101: _MUTE.total_seconds(), 410100: _MUTE.total_seconds()},
)


class DingtalkRecipient(CardRecipient):
    """A DingTalk group robot; one variable holds its URL, sign_env its signing secret. Mentions: user ids, or @all."""

    channel: Literal["dingtalk"]
    secret_env: VariableName
    sign_env: VariableName | None = None
    keyword: str | None = None
    mention: People = ()
    mobiles: Numbers = ()


class Dingtalk(CardChannel[DingtalkRecipient]):
    """Who is mentioned stands in the text and in ``at``: a name that only looks like a mention reaches nobody."""

    name = "dingtalk"
    rates = (Rate(20, per=timedelta(minutes=1)),)
    mute = _MUTE
    max_bytes = 20_000
    recipient_class = DingtalkRecipient

    def address(self, recipient: DingtalkRecipient) -> str:
        """The robot's URL, not yet signed."""
        return secret(recipient.secret_env, "the dingtalk recipient")

    def card(self, message: Message, recipient: DingtalkRecipient) -> Draft:
        """A card with buttons, or Markdown where somebody is mentioned: a card with buttons mentions nobody."""
        at, end = _mentioned(recipient), _end(recipient, "\n\n")
        buttons = () if any(at.values()) else buttons_of(message)
        fields = fields_of("dingtalk.md.j2", message, markup("dingtalk"))

        def body(text: str) -> dict[str, object]:
            title, said = subject(message, line, _LONGEST_TITLE), text + end
            if not buttons:
                return {"msgtype": "markdown", "markdown": {"title": title, "text": said}, "at": at}
            actions = [{"title": label, "actionURL": url} for label, url in buttons]
            return {
                "msgtype": "actionCard",
                "actionCard": {"title": title, "text": said, "btnOrientation": "0", "btns": actions},
            }

        return drafted(
            body, "dingtalk.md.j2", message, markup("dingtalk"), self.max_bytes, buttons=buttons, fields=fields
        )

    def text(self, message: Message, recipient: DingtalkRecipient) -> Draft:
        """A text without any markup."""
        at, end = _mentioned(recipient), _end(recipient, "\n")

        def body(text: str) -> dict[str, object]:
            return {"msgtype": "text", "text": {"content": text + end}, "at": at}

        return drafted(body, "chat.txt.j2", message, markup("text"), self.max_bytes)

    def request(self, draft: Draft, message: Message, recipient: DingtalkRecipient) -> HttpRequest:
        """The URL with time and signature of this moment: they hold for an hour."""
        url = self.address(recipient)
        if recipient.sign_env:
            key = secret(recipient.sign_env, "the dingtalk recipient")
            stamp = str(round(time.time() * 1000))
            url += f"{'&' if urlsplit(url).query else '?'}timestamp={stamp}&sign={quote_plus(signature(stamp, key))}"
        return HttpRequest(url, as_json(draft.body), {"Content-Type": JSON})

    def evaluate(self, answer: HttpAnswer, recipient: DingtalkRecipient) -> Outcome:
        """By errcode."""
        return _CODES.evaluate(answer, "errcode")


def _users(recipient: DingtalkRecipient) -> list[str]:
    return [user for user in recipient.mention if user != _EVERYONE]


def _mentioned(recipient: DingtalkRecipient) -> dict[str, object]:
    return {
        "atMobiles": list(recipient.mobiles),
        "atUserIds": _users(recipient),
        "isAtAll": _EVERYONE in recipient.mention,
    }


def _end(recipient: DingtalkRecipient, between: str) -> str:
    """What stands below the text: the keyword, and who is mentioned, for a mention shows only where it stands there."""
    named = " ".join(f"@{who}" for who in (*recipient.mobiles, *_users(recipient)))
    return "".join(f"{between}{part}" for part in (recipient.keyword, named) if part)


def signature(stamp: str, key: str) -> str:
    """What the robot expects for a time in milliseconds, before it is quoted for the URL."""
    return base64.b64encode(hmac.digest(key.encode(), f"{stamp}\n{key}".encode(), hashlib.sha256)).decode()
