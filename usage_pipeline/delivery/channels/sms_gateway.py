"""Text messages by any gateway: the configuration has templates for the request and says what means accepted."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from usage_pipeline.alerts.message import Message
from usage_pipeline.delivery.channels.http_channel import Draft, document_of
from usage_pipeline.delivery.channels.sms_recipient import SmsRecipient
from usage_pipeline.delivery.channels.sms_text import SmsProvider, parameters_of, text_of
from usage_pipeline.http.exchange import HttpAnswer, HttpRequest
from usage_pipeline.http.outcome import Outcome, by_status
from usage_pipeline.settings.environment import secret

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

_HIDDEN = "[secret]"
_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded", "text": "text/plain; charset=utf-8"}
_ESCAPES: Mapping[str, Callable[[str], str]] = {
    # Between the quotes of a JSON text, in a form, in an address: a value cannot end where the template put it.
    "json": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "form": quote_plus,
    "text": str,
    "url": lambda value: quote(value, safe=""),
    "header": lambda value: " ".join(value.split()).encode("latin-1", "replace").decode("latin-1"),
}


class BadTemplateError(Exception):
    """A template of the configuration cannot be used; the text says which and why, without a value."""


class GatewaySms(SmsProvider):
    """One request a number."""

    def send(self, message: Message, recipient: SmsRecipient) -> Outcome:
        """Sends; a template that cannot be used is a refusal for good that says which."""
        try:
            return super().send(message, recipient)
        except BadTemplateError as error:
            return Outcome("permanent", str(error))

    def address(self, recipient: SmsRecipient) -> str:
        """The gateway's address, with its templates not yet filled in."""
        return secret(recipient.url_env or "", "the sms recipient by http")

    def drafts(self, message: Message, recipient: SmsRecipient) -> Sequence[Draft]:
        """What the templates may use, for each number."""
        text = text_of(message)
        known = {**parameters_of(message), "text": text.text}
        return [Draft({**known, "to": number}, text.note) for number in recipient.to]

    def request(self, draft: Draft, message: Message, recipient: SmsRecipient) -> HttpRequest:
        """The templates filled in, each value escaped for where it stands."""
        key = secret(recipient.secret_env, "the sms recipient by http") if recipient.secret_env else ""
        return _request(self.address(recipient), recipient, {**draft.body, "secret": key})

    def shown(self, message: Message, recipient: SmsRecipient) -> str:
        """The bodies, with the secret hidden."""
        drafts = self.drafts(message, recipient)
        requests = [_request("", recipient, {**draft.body, "secret": _HIDDEN}) for draft in drafts]
        return "\n".join((request.body or b"").decode() for request in requests)

    def evaluate(self, answer: HttpAnswer, recipient: SmsRecipient) -> Outcome:
        """As the configuration says. What has a good status but not what is asked for is tried again."""
        wanted = recipient.accepted
        found = str(_at(document_of(answer), wanted.field)) if wanted.field else None
        held = found == wanted.equals and (wanted.contains is None or wanted.contains in answer.text)
        if answer.status in wanted.status and held:
            return Outcome("accepted", answer.text, answer.status)
        outcome = by_status(answer)
        if outcome.kind == "accepted":
            return Outcome("retry", f"not the answer that means accepted: {answer.text}", answer.status)
        return outcome


def _request(address: str, recipient: SmsRecipient, values: Mapping[str, str]) -> HttpRequest:
    headers = {name: _filled(f"headers.{name}", text, "header", values) for name, text in recipient.headers.items()}
    body = _filled("body", recipient.body, recipient.format, values)
    if recipient.format == "json" and recipient.method != "GET":
        _check_json(body)
    return HttpRequest(
        _filled("the address", address, "url", values),
        b"" if recipient.method == "GET" else body.encode("utf-8", "replace"),
        {"Content-Type": _TYPES[recipient.format], **headers},
        recipient.method,
    )


def _filled(what: str, template: str, kind: str, values: Mapping[str, str]) -> str:
    from jinja2 import TemplateError  # noqa: PLC0415  (not to be paid where nothing is sent)

    escape = _ESCAPES[kind]
    try:
        return _environment().from_string(template).render({name: escape(value) for name, value in values.items()})
    except TemplateError as error:
        raise BadTemplateError(f"the template of {what} cannot be used: {type(error).__name__}") from None


def _check_json(body: str) -> None:
    try:
        json.loads(body)
    except ValueError:
        raise BadTemplateError('the template of body makes no JSON; write values as "{{ text }}"') from None


def _at(document: object, path: str) -> object:
    """The value at a dotted path, with numbers for places in lists; None where there is none."""
    for part in path.split("."):
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    return str(document).lower() if isinstance(document, bool) else document


@cache
def _environment() -> "SandboxedEnvironment":
    from jinja2 import StrictUndefined  # noqa: PLC0415
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    return ImmutableSandboxedEnvironment(undefined=StrictUndefined)
