"""Shows what every channel would be sent: the configured recipients, and a stand-in where a channel has none."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.recipient_view import facts_for
from usage_pipeline.delivery.channels.base import Channel
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.settings import Recipient, Settings

_STAND_IN = "(example)"


@dataclass(frozen=True)
class ChannelPreview:
    """What one recipient would be sent."""

    channel: str
    recipient: str
    language: str
    text: str


def previews(
    message: Message, settings: Settings, channel: str | None, language: str | None
) -> Iterator[ChannelPreview]:
    """Yields one a recipient, channel by channel; the message's own language is used where nobody asks for another."""
    for name, sender in CHANNELS.items():
        if channel not in (None, name):
            continue
        configured = [(who, r) for who, r in settings.recipients.items() if r.channel == name]
        for who, recipient in configured or [(_STAND_IN, _stand_in(sender))]:
            spoken = language or recipient.language or settings.language
            facts = facts_for(settings, who, message.facts, spoken)
            text = sender.preview(replace(message, facts=facts, language=spoken), recipient)
            yield ChannelPreview(name, who, spoken, text)


def _stand_in(channel: Channel) -> Recipient:
    needed = channel.example or {"secret_env": f"{channel.name.upper()}_URL"}
    return channel.recipient_class.model_validate({"channel": channel.name, **needed})
