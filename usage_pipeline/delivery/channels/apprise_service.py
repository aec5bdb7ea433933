"""Any other service by Apprise: its own retries off, its time bounded, and its log kept from ours."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.text.escape import line, markup
from usage_pipeline.delivery.channels.base import Channel, hashed
from usage_pipeline.delivery.rendering import Rendered, fitted, subject
from usage_pipeline.http import post as http
from usage_pipeline.http.addresses import PrivateAddressError, public_addresses_only
from usage_pipeline.http.outcome import RETRIED, Outcome
from usage_pipeline.settings import Recipient
from usage_pipeline.settings.environment import MissingSecretError, secret
from usage_pipeline.settings.recipients import AppriseRecipient

if TYPE_CHECKING:
    from apprise import NotifyBase

_LONGEST_TITLE = 200
_LONGEST_BODY = 4000
_STATUS = re.compile(r"\berror=(\d{3})\b")
_said: ContextVar[list[str] | None] = ContextVar("said", default=None)
_TYPES = {"emergency": "failure", "critical": "failure", "warning": "warning", "info": "info"}


class AppriseService(Channel):
    """Apprise says yes or no. What its log says of a refusal is the answer on record, with the status if it has one."""

    name = "apprise"

    def __call__(self, message: Message, recipient: Recipient) -> Outcome:
        """Sends by the service that the URL names."""
        mine = _mine(recipient)
        url = secret(mine.url_env, "the apprise recipient")
        with _log_to_ourselves() as said:
            service = _service(url)
            if service is None:
                return Outcome("permanent", f"{mine.url_env} is no URL that Apprise knows")
            text = _text(message, service.body_maxlen)
            with public_addresses_only(not mine.allow_private) as refused, suppress(PrivateAddressError):
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

    def preview(self, message: Message, recipient: Recipient) -> str:
        """Title and body; which service it is stands in the URL, which is a secret."""
        text = _text(message, _LONGEST_BODY)
        parts = [text.note, subject(message, markup("apprise"), _LONGEST_TITLE), "", text.text]
        return "\n".join(parts if text.note else parts[1:])

    def rate_keys(self, recipient: Recipient) -> tuple[str, ...]:
        """The service's URL."""
        try:
            return (f"apprise:{hashed(secret(_mine(recipient).url_env, 'the apprise recipient'))}",)
        except MissingSecretError as error:
            return (f"apprise:{hashed(str(error))}",)


def _mine(recipient: Recipient) -> AppriseRecipient:
    if not isinstance(recipient, AppriseRecipient):
        raise TypeError("not an apprise recipient")
    return recipient


def _text(message: Message, most: int) -> Rendered:
    room = max(min(most, _LONGEST_BODY) - _LONGEST_TITLE, 100)
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
