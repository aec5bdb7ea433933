"""Text messages by Twilio: one request a number, accepted with 201 and the message's sid."""

import base64
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from usage_pipeline.alerts.message import Message
from usage_pipeline.delivery.channels.http_channel import Draft, document_of
from usage_pipeline.delivery.channels.sms_recipient import SmsRecipient
from usage_pipeline.delivery.channels.sms_text import SmsProvider, account, text_of
from usage_pipeline.http.exchange import HttpAnswer, HttpRequest
from usage_pipeline.http.outcome import Outcome, by_status


class TwilioSms(SmsProvider):
    """The account's id stands in the address, so the address is a secret too."""

    def address(self, recipient: SmsRecipient) -> str:
        """The account's messages."""
        identity = quote(account(recipient)[0], safe="")
        return f"{recipient.endpoint or 'https://api.twilio.com'}/2010-04-01/Accounts/{identity}/Messages.json"

    def drafts(self, message: Message, recipient: SmsRecipient) -> Sequence[Draft]:
        """One form a number."""
        text = text_of(message)
        return [
            Draft({"To": number, "From": recipient.sender, "Body": text.text}, text.note) for number in recipient.to
        ]

    def request(self, draft: Draft, message: Message, recipient: SmsRecipient) -> HttpRequest:
        """The form, with id and token of the account."""
        token = base64.b64encode(":".join(account(recipient)).encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Content-Type": "application/x-www-form-urlencoded"}
        return HttpRequest(self.address(recipient), urlencode(draft.body).encode(), headers)

    def evaluate(self, answer: HttpAnswer, recipient: SmsRecipient) -> Outcome:
        """201 alone is not enough: there must be a sid."""
        outcome = by_status(answer)
        if outcome.kind == "accepted" and not (answer.status == 201 and document_of(answer).get("sid")):
            return Outcome("retry", f"an answer without sid: {answer.text}", answer.status)
        return outcome
