"""Text messages: one module a provider, all with the limits that a phone's owner can bear."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from usage_pipeline.alerts.message import Message
from usage_pipeline.delivery.channels.base import ChannelOf, Rate, Trial
from usage_pipeline.delivery.channels.http_channel import WebChannel
from usage_pipeline.delivery.channels.sms_aliyun import AliyunSms
from usage_pipeline.delivery.channels.sms_gateway import GatewaySms
from usage_pipeline.delivery.channels.sms_recipient import SmsRecipient
from usage_pipeline.delivery.channels.sms_tencent import TencentSms
from usage_pipeline.delivery.channels.sms_twilio import TwilioSms
from usage_pipeline.http.outcome import Outcome

PROVIDERS: Mapping[str, WebChannel[SmsRecipient]] = {
    "aliyun": AliyunSms(),
    "tencent": TencentSms(),
    "twilio": TwilioSms(),
    "http": GatewaySms(),
}


class Sms(ChannelOf[SmsRecipient]):
    """Hands over to the recipient's provider. The rates are Aliyun's, the tightest, and hold for each number."""

    name = "sms"
    recipient_class = SmsRecipient
    example = {"provider": "http", "to": ["+8613800000000"], "url_env": "SMS_URL"}  # noqa: RUF012
    rates = (
        Rate(1, per=timedelta(minutes=1)),
        Rate(5, per=timedelta(hours=1)),
        Rate(10, per=timedelta(days=1)),
    )

    def send(self, message: Message, recipient: SmsRecipient) -> Outcome:
        """What the provider answered, for all numbers together."""
        return PROVIDERS[recipient.provider].send(message, recipient)

    def shown(self, message: Message, recipient: SmsRecipient) -> str:
        """What the provider would be sent, without keys."""
        return PROVIDERS[recipient.provider].shown(message, recipient)

    def tried(self, recipient: SmsRecipient) -> Trial:
        """The provider's address."""
        return PROVIDERS[recipient.provider].tried(recipient)

    def counted(self, recipient: SmsRecipient) -> Sequence[str]:
        """Each number."""
        return recipient.to
