"""Text messages by Aliyun's SendSms, signed as its API asks (ACS3-HMAC-SHA256); accepted when Code is OK."""

import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from usage_pipeline.alerts.message import Message
from usage_pipeline.delivery.channels.http_channel import A_MINUTE, Draft, document_of
from usage_pipeline.delivery.channels.sms_recipient import SmsRecipient
from usage_pipeline.delivery.channels.sms_text import SmsProvider, account, parameters_of
from usage_pipeline.http.exchange import HttpAnswer, HttpRequest
from usage_pipeline.http.outcome import Outcome, by_status

_TOO_OFTEN = ("isv.BUSINESS_LIMIT_CONTROL", "Throttling")
_FOR_NOW = ("isp.SYSTEM_ERROR", "isp.UNKNOWN", "ServiceUnavailable", "InternalError")


class AliyunSms(SmsProvider):
    """All numbers of a recipient in one request."""

    def address(self, recipient: SmsRecipient) -> str:
        """The endpoint of the recipient's region."""
        return f"{recipient.endpoint or 'https://dysmsapi.aliyuncs.com'}/"

    def drafts(self, message: Message, recipient: SmsRecipient) -> Sequence[Draft]:
        """The approved template with its parameters."""
        known = parameters_of(message)
        chosen = {name: known[name] for name in recipient.parameters}
        return [
            Draft(
                {
                    "PhoneNumbers": ",".join(recipient.to),
                    "SignName": recipient.sign_name,
                    "TemplateCode": recipient.template,
                    "TemplateParam": json.dumps(chosen, ensure_ascii=False),
                    "OutId": message.delivery_id,
                }
            )
        ]

    def request(self, draft: Draft, message: Message, recipient: SmsRecipient) -> HttpRequest:
        """The parameters in the query, signed at this moment."""
        identity, key = account(recipient)
        query = _query({name: str(value) for name, value in draft.body.items()})
        headers = {
            "host": urlsplit(self.address(recipient)).netloc,
            "x-acs-action": "SendSms",
            "x-acs-version": "2017-05-25",
            "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": uuid.uuid4().hex,
            "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        }
        signed = {**headers, "Authorization": authorization(headers, query, identity, key)}
        return HttpRequest(f"{self.address(recipient)}?{query}", b"", signed)

    def evaluate(self, answer: HttpAnswer, recipient: SmsRecipient) -> Outcome:
        """By Code, which also stands in answers of 400: Throttling there is no refusal for good."""
        code = str(document_of(answer).get("Code", ""))
        if answer.status == 200 and code == "OK":
            return Outcome("accepted", answer.text, answer.status)
        if code.startswith(_TOO_OFTEN):
            return Outcome("retry", answer.text, answer.status, answer.retry_after_s or A_MINUTE)
        if answer.status != 200:
            return by_status(answer)
        known = code.startswith(("isv.", "isp.")) and not code.startswith(_FOR_NOW)
        return Outcome("permanent" if known else "retry", answer.text, answer.status)


def authorization(headers: Mapping[str, str], query: str, identity: str, key: str) -> str:
    """The Authorization header for a POST of "/" with these headers and this query, which are both signed."""
    names = sorted(headers)
    canonical = "\n".join(
        [
            "POST",
            "/",
            query,
            *(f"{name}:{headers[name].strip()}" for name in names),
            "",
            ";".join(names),
            headers["x-acs-content-sha256"],
        ]
    )
    text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"ACS3-HMAC-SHA256 Credential={identity},SignedHeaders={';'.join(names)},Signature={signature}"


def _query(values: Mapping[str, str]) -> str:
    return "&".join(f"{quote(name, safe='~')}={quote(values[name], safe='~')}" for name in sorted(values))
