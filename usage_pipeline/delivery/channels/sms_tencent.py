"""Text messages by Tencent Cloud's SendSms, signed as its API asks (TC3-HMAC-SHA256); accepted when each Code is Ok."""

import hashlib
import hmac
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from usage_pipeline.alerts.message import Message
from usage_pipeline.delivery.channels.http_channel import A_MINUTE, JSON, Draft, as_json, document_of, together
from usage_pipeline.delivery.channels.sms_recipient import SmsRecipient
from usage_pipeline.delivery.channels.sms_text import SmsProvider, account, listed, parameters_of
from usage_pipeline.http.exchange import HttpAnswer, HttpRequest
from usage_pipeline.http.outcome import Outcome, by_status

_TOO_OFTEN = ("LimitExceeded", "RequestLimitExceeded")
_PERMANENT = (
    "AuthFailure", "FailedOperation", "InvalidParameter", "MissingParameter", "UnauthorizedOperation",
    "UnsupportedOperation", "UnsupportedRegion", "UnknownParameter",
)  # fmt: skip


class TencentSms(SmsProvider):
    """All numbers of a recipient in one request; the answer speaks of each."""

    def address(self, recipient: SmsRecipient) -> str:
        """The endpoint."""
        return f"{recipient.endpoint or 'https://sms.tencentcloudapi.com'}/"

    def drafts(self, message: Message, recipient: SmsRecipient) -> Sequence[Draft]:
        """The approved template with its parameters, in order."""
        known = parameters_of(message)
        return [
            Draft(
                {
                    "PhoneNumberSet": list(recipient.to),
                    "SmsSdkAppId": recipient.app_id,
                    "SignName": recipient.sign_name,
                    "TemplateId": recipient.template,
                    "TemplateParamSet": [known[name] for name in recipient.parameters],
                    "SessionContext": message.delivery_id,
                }
            )
        ]

    def request(self, draft: Draft, message: Message, recipient: SmsRecipient) -> HttpRequest:
        """The JSON with its signature of this moment."""
        identity, key = account(recipient)
        body, stamp = as_json(draft.body), int(time.time())
        host = urlsplit(self.address(recipient)).netloc
        headers = {
            "Content-Type": JSON,
            "Host": host,
            "X-TC-Action": "SendSms",
            "X-TC-Version": "2021-01-11",
            "X-TC-Region": recipient.region or "ap-guangzhou",
            "X-TC-Timestamp": str(stamp),
            "Authorization": authorization("sms", host, body, stamp, identity, key),
        }
        return HttpRequest(self.address(recipient), body, headers)

    def evaluate(self, answer: HttpAnswer, recipient: SmsRecipient) -> Outcome:
        """By the code of the whole, else by each number's; a number that is not spoken of was not accepted."""
        if answer.status != 200:
            return by_status(answer)
        response = document_of(answer).get("Response")
        if not isinstance(response, dict):
            return Outcome("retry", f"an answer without Response: {answer.text}", answer.status)
        error = response.get("Error")
        if isinstance(error, dict):
            return _meaning(str(error.get("Code")), answer)
        statuses = listed(response, "SendStatusSet")
        if len(statuses) < len(recipient.to):
            return Outcome("retry", f"an answer that does not speak of every number: {answer.text}", answer.status)
        outcomes = [_meaning(str(status.get("Code")), answer) for status in statuses]
        whole = together(outcomes)
        return Outcome(whole.kind, answer.text, answer.status, whole.retry_after_s)


def _meaning(code: str, answer: HttpAnswer) -> Outcome:
    if code == "Ok":
        return Outcome("accepted", answer.text, answer.status)
    if code.startswith(_TOO_OFTEN):
        return Outcome("retry", answer.text, answer.status, A_MINUTE)
    return Outcome("permanent" if code.startswith(_PERMANENT) else "retry", answer.text, answer.status)


def authorization(service: str, host: str, body: bytes, stamp: int, identity: str, key: str) -> str:
    """The Authorization header for a POST of JSON to "/" at a time in seconds; content type and host are signed."""
    signed = "content-type;host"
    digest = hashlib.sha256(body).hexdigest()
    canonical = f"POST\n/\n\ncontent-type:{JSON}\nhost:{host}\n\n{signed}\n{digest}"
    day = datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d")
    scope = f"{day}/{service}/tc3_request"
    text = f"TC3-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    derived = f"TC3{key}".encode()
    for part in (day, service, "tc3_request"):
        derived = hmac.digest(derived, part.encode(), hashlib.sha256)
    signature = hmac.new(derived, text.encode(), hashlib.sha256).hexdigest()
    return f"TC3-HMAC-SHA256 Credential={identity}/{scope}, SignedHeaders={signed}, Signature={signature}"
