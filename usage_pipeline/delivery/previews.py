"""Shows what every channel would be sent: the configured recipients, and a stand-in where a channel has none."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from usage_pipeline.alerts.message import Message
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.settings import Recipient, Settings

_STAND_IN = "(example)"
_NUMBER = "+8613800000000"
_NEEDED: dict[str, dict[str, object]] = {
    "email": {"to": ["owner@example.com"]},
    "webhook": {"url_env": "WEBHOOK_URL"},
    "apprise": {"url_env": "APPRISE_URL"},
    "sms": {"provider": "http", "to": [_NUMBER], "url_env": "SMS_URL"},
}


@dataclass(frozen=True)
class Preview:
    """What one recipient would be sent."""

    channel: str
    recipient: str
    language: str
    text: str


def previews(message: Message, settings: Settings, channel: str | None, language: str | None) -> Iterator[Preview]:
    """One a recipient, channel by channel; the message's own language is used where nobody asks for another."""
    for name, sender in CHANNELS.items():
        if channel not in (None, name):
            continue
        configured = [(who, r) for who, r in settings.recipients.items() if r.channel == name]
        for who, recipient in configured or [(_STAND_IN, _stand_in(name))]:
            spoken = language or recipient.language or settings.language
            text = sender.preview(replace(message, language=spoken), recipient)
            yield Preview(name, who, spoken, text)


def _stand_in(channel: str) -> Recipient:
    adapter: TypeAdapter[Recipient] = TypeAdapter(Recipient)
    needed = _NEEDED.get(channel, {"secret_env": f"{channel.upper()}_URL"})
    return adapter.validate_python({"channel": channel, **needed})
