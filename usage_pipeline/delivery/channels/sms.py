"""Text messages: one module a provider, all with the limits that a phone's owner can bear."""

from collections.abc import Mapping
from datetime import timedelta

from usage_pipeline.alerts.message import Message
from usage_pipeline.delivery.channels.base import Channel, Rate
from usage_pipeline.delivery.channels.http_channel import WebChannel
from usage_pipeline.delivery.channels.sms_aliyun import AliyunSms
from usage_pipeline.delivery.channels.sms_gateway import GatewaySms
from usage_pipeline.delivery.channels.sms_tencent import TencentSms
from usage_pipeline.delivery.channels.sms_twilio import TwilioSms
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings import Recipient
from usage_pipeline.settings.recipients import SmsRecipient

PROVIDERS: Mapping[str, WebChannel[SmsRecipient]] = {
    "aliyun": AliyunSms(),
    "tencent": TencentSms(),
    "twilio": TwilioSms(),
    "http": GatewaySms(),
}


class Sms(Channel):
    """Hands over to the recipient's provider. The rates are Aliyun's, the tightest, and hold for each number."""

    name = "sms"
    rates = (
        Rate(1, per=timedelta(minutes=1)),
        Rate(5, per=timedelta(hours=1)),
        Rate(10, per=timedelta(days=1)),
    )

    def __call__(self, message: Message, recipient: Recipient) -> Outcome:
        """What the provider answered, for all numbers together."""
        return _provider(recipient)(message, recipient)

    def preview(self, message: Message, recipient: Recipient) -> str:
        """What the provider would be sent, without keys."""
        return _provider(recipient).preview(message, recipient)

    def rate_keys(self, recipient: Recipient) -> tuple[str, ...]:
        """Each number."""
        return _provider(recipient).rate_keys(recipient)


def _provider(recipient: Recipient) -> WebChannel[SmsRecipient]:
    if not isinstance(recipient, SmsRecipient):
        raise TypeError("not an sms recipient")
    return PROVIDERS[recipient.provider]
