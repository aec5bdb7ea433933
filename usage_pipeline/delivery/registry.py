"""The channels by name: one line each."""

from collections.abc import Mapping

from usage_pipeline.delivery import mail, webhook, wecom
from usage_pipeline.delivery.channel import Channel

CHANNELS: Mapping[str, Channel] = {
    "email": mail.send,
    "webhook": webhook.send,
    "wecom": wecom.send,
}
