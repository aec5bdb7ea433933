"""What a text message says: a text of two parts at most, or the parameters of a template that was approved before."""

from collections.abc import Mapping, Sequence
from typing import Any

from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.text.escape import markup, one_line
from usage_pipeline.alerts.text.texts import parts_of
from usage_pipeline.delivery.channels.http_channel import WebChannel
from usage_pipeline.delivery.channels.sms_recipient import SmsRecipient
from usage_pipeline.delivery.rendering import Rendered, render
from usage_pipeline.settings.environment import secret

# Two parts of 67 units of UTF-16, which is how phones count what is not Latin.
MOST_UNITS = 134
LONGEST_PARAMETER = 35


class SmsProvider(WebChannel[SmsRecipient]):
    """A provider of text messages; what it counts are numbers."""

    name = "sms"
    recipient_class = SmsRecipient

    def counted(self, recipient: SmsRecipient) -> Sequence[str]:
        """Each number."""
        return list(recipient.to)


def text_of(message: Message) -> Rendered:
    """The text by its template, cut to two parts with the alert's id kept."""
    rendered = render("sms.txt.j2", message, markup("sms"))
    return Rendered(_cut(" ".join(rendered.text.split()), message.alerts[0].alert_id), rendered.note)


def parameters_of(message: Message) -> Mapping[str, str]:
    """Every parameter that a template may ask for, each short enough for any of them."""
    escape = markup("sms")
    values = {**parts_of(message.alerts[0], message.language), "text": text_of(message).text}
    return {name: one_line(escape(value), LONGEST_PARAMETER) for name, value in values.items()}


def account(recipient: SmsRecipient) -> tuple[str, str]:
    """Id and key of the account. Raises MissingSecretError when the variable is not set."""
    needed_by = f"the sms recipient by {recipient.provider}"
    identity, _, key = secret(recipient.secret_env or "", needed_by).partition(":")
    return identity.strip(), key.strip()


def units(text: str) -> int:
    """The length of a text as phones count it."""
    return len(text.encode("utf-16-le", "replace")) // 2


def _cut(text: str, alert_id: str) -> str:
    if units(text) <= MOST_UNITS:
        return text
    end = f"… {alert_id}"
    while text and units(text + end) > MOST_UNITS:
        text = text[:-1]
    return text + end


def listed(document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects of a list in an answer; none when it is no list of objects."""
    found = document.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
