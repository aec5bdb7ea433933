"""The channels by name: one line each, with the class in this folder that sends."""

from collections.abc import Mapping
from importlib import import_module

from usage_pipeline.delivery.channels.base import Channel, ChannelOf
from usage_pipeline.settings import Recipient

_CLASSES: Mapping[str, str] = {
    "wecom": "wecom.Wecom",
    "dingtalk": "dingtalk.Dingtalk",
    "feishu": "feishu.Feishu",
    "lark": "feishu.Lark",
    "slack": "slack.Slack",
    "teams": "teams.Teams",
    "email": "mail.Mail",
    "webhook": "webhook.OwnWebhook",
    "pagerduty": "pagerduty.Pagerduty",
    "sms": "sms.Sms",
    "apprise": "apprise_service.AppriseService",
}


def _made(path: str) -> Channel:
    module, _, name = path.partition(".")
    made = getattr(import_module(f"{__package__}.{module}"), name)()
    if not isinstance(made, ChannelOf):
        raise TypeError(f"{path} is no channel")
    return made


CHANNELS: Mapping[str, Channel] = {name: _made(path) for name, path in _CLASSES.items()}


def recipient_classes() -> tuple[type[Recipient], ...]:
    """What the configuration may say of a recipient: a class for each channel, or for several of one kind."""
    return tuple(dict.fromkeys(channel.recipient_class for channel in CHANNELS.values()))
