"""Any other service by Apprise: its own retries off, its time bounded, and its log kept from ours."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal

from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.text.escape import line, markup
from usage_pipeline.delivery.channels.base import ChannelOf
from usage_pipeline.delivery.rendering import Rendered, fitted, subject
from usage_pipeline.http import post as http
from usage_pipeline.http.addresses import PrivateAddressError, public_addresses_only
from usage_pipeline.http.outcome import RETRIED, Outcome
from usage_pipeline.settings.environment import secret
from usage_pipeline.settings.recipients import VariableName, WebRecipient

if TYPE_CHECKING:
    from apprise import NotifyBase

_LONGEST_TITLE = 200
_LONGEST_BODY = 4000
_STATUS = re.compile(r"\berror=(\d{3})\b")
_said: ContextVar[list[str] | None] = ContextVar("said", default=None)
_TYPES = {"emergency": "failure", "critical": "failure", "warning": "warning", "info": "info"}


class AppriseRecipient(WebRecipient):
    """Any other service that Apprise knows; the variable holds Apprise's URL, which is a secret."""

    channel: Literal["apprise"]
    url_env: VariableName


class AppriseService(ChannelOf[AppriseRecipient]):
    """Apprise says yes or no. What its log says of a refusal is the answer on record, with the status if it has one."""

    name = "apprise"
    recipient_class = AppriseRecipient
    example = {"url_env": "APPRISE_URL"}  # noqa: RUF012

    def send(self, message: Message, recipient: AppriseRecipient) -> Outcome:
        """Sends by the service that the URL names."""
        url = secret(recipient.url_env, "the apprise recipient")
        with _log_to_ourselves() as said:
            service = _service(url)
            if service is None:
                return Outcome("permanent", f"{recipient.url_env} is no URL that Apprise knows")
            text = _text(message, service.body_maxlen)
            with public_addresses_only(not recipient.allow_private) as refused, suppress(PrivateAddressError):
                taken = service.notify(
                    title=subject(message, markup("apprise"), _LONGEST_TITLE),
                    body=text.text,
                    notify_type=_TYPES.get(message.alerts[0].level, "info"),
                    body_format="text",
                )
        if refused:
            return Outcome("permanent", "the URL leads to a private address; set allow_private: true if that is meant")
        name = line(service.service_name)
        note = f"{text.note}; " if text.note else ""
        if taken:
            return Outcome("accepted", f"{note}taken by {name}, as Apprise says")
        return _refused(f"{note}{name}: {' '.join(said) or 'Apprise says no more than no'}")

    def shown(self, message: Message, recipient: AppriseRecipient) -> str:
        """Title and body; which service it is stands in the URL, which is a secret."""
        text = _text(message, _LONGEST_BODY)
        parts = [text.note, subject(message, markup("apprise"), _LONGEST_TITLE), "", text.text]
        return "\n".join(parts if text.note else parts[1:])

    def counted(self, recipient: AppriseRecipient) -> Sequence[str]:
        """The service's URL."""
        return [secret(recipient.url_env, "the apprise recipient")]


def _text(message: Message, limit: int) -> Rendered:
    room = max(min(limit, _LONGEST_BODY) - _LONGEST_TITLE, 100)
    return fitted("apprise.txt.j2", message, markup("apprise"), room, len)


def _service(url: str) -> "NotifyBase | None":
    """The service of a URL, as bounded as ours are, whatever the URL asks for."""
    # It takes half a second to import, which is not to be paid where nobody uses it.
    from apprise import Apprise, AppriseAsset  # noqa: PLC0415

    asset = AppriseAsset(async_mode=False, secure_logging=True, http_redirects=False)
    service = Apprise.instantiate(url, asset=asset)
    if service is None:
        return None
    service.socket_connect_timeout, service.socket_read_timeout = http.TIMEOUTS.connect, http.TIMEOUTS.read
    service.redirects, service.retry, service.verify_certificate = False, 0, True
    return service


def _refused(answer: str) -> Outcome:
    found = _STATUS.search(answer)
    status = int(found.group(1)) if found else None
    for_good = status is not None and 300 <= status < 500 and status not in RETRIED
    return Outcome("permanent" if for_good else "retry", answer, status)


class _Ours(logging.Filter):
    """Keeps what Apprise logs about a delivery of ours to the record of it: its lines may carry the URL."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line may be written elsewhere."""
        said = _said.get()
        if said is None:
            return True
        if record.levelno >= logging.WARNING:
            said.append(line(record.getMessage()))
        return False


_OURS = _Ours()


@contextmanager
def _log_to_ourselves() -> Iterator[list[str]]:
    from usage_pipeline.http.client import quiet  # noqa: PLC0415  (it imports requests)

    logging.getLogger("apprise").addFilter(_OURS)
    said: list[str] = []
    token = _said.set(said)
    try:
        with quiet():
            yield said
    finally:
        _said.reset(token)
