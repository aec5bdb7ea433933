"""Doctor's look at recipients: their secrets, and address, TLS and login tried without sending anything."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.parse import urlsplit

from usage_pipeline.alerts.history import attempts_of
from usage_pipeline.alerts.kinds.test import raise_test_alert
from usage_pipeline.commands.doctor_finding import DoctorFinding
from usage_pipeline.commands.doctor_web import LOOPBACK
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.delivery.channels.mail import EmailRecipient
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.delivery.worker import deliver_due
from usage_pipeline.settings import Recipient, Settings
from usage_pipeline.settings.environment import MissingSecretError, is_untidy, variable
from usage_pipeline.warehouse.connection import Connection

_AT_ONCE = 8


def look_at_recipients(settings: Settings) -> Iterator[DoctorFinding]:
    """Yields what is well or wrong with each recipient; those whose secrets are there are tried side by side."""
    names = settings.recipients
    secrets = {name: list(_secrets(name, recipient)) for name, recipient in names.items()}
    ready = [name for name, found in secrets.items() if all(finding.state == "ok" for finding in found)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        tried = dict(zip(ready, pool.map(lambda name: _tried(name, names[name]), ready), strict=True))
    for name, found in secrets.items():
        yield from found
        yield from _sender(name, names[name])
        if name in tried:
            yield tried[name]


def send_to_recipients(
    connection: Connection, configuration: ActiveConfiguration, names: Mapping[str, Recipient]
) -> Iterator[DoctorFinding]:
    """Sends each recipient a marked test by the real way; yields what its channel answered."""
    now = datetime.now(UTC)
    sent = {name: raise_test_alert(connection, configuration, name, "info", now) for name in names}
    deliver_due(connection, configuration.settings, by="usage-pipeline doctor --send")
    for name, alert_id in sent.items():
        attempts = attempts_of(connection, alert_id)
        accepted = any(attempt.outcome == "accepted" for attempt in attempts)
        answer = attempts[-1].answer if attempts else None
        says = f"a marked test was {'accepted' if accepted else 'not accepted'}: {answer or 'no answer yet'}"
        yield DoctorFinding(f"recipient {name}", "ok" if accepted else "wrong", says)


def _tried(name: str, recipient: Recipient) -> DoctorFinding:
    checked = f"recipient {name}"
    try:
        trial = CHANNELS[recipient.channel].trial(recipient)
    except MissingSecretError as error:
        return DoctorFinding(checked, "warning", str(error))
    return DoctorFinding(checked, "ok" if trial.reached else "wrong", trial.says)


def _secrets(name: str, recipient: Recipient) -> Iterator[DoctorFinding]:
    for wanted in (str(v) for k, v in recipient.model_dump().items() if k.endswith("_env") and v):
        yield from _variable(f"recipient {name}", wanted)


def _sender(name: str, recipient: Recipient) -> Iterator[DoctorFinding]:
    """Mail from localhost is refused or lost by every server but one on this machine."""
    if not isinstance(recipient, EmailRecipient) or not recipient.sender.lower().endswith("@localhost"):
        return
    try:
        server = urlsplit(variable(recipient.smtp_url_env) or "").hostname
    except (MissingSecretError, ValueError):  # it is said of the variable itself
        return
    if server and server not in LOOPBACK:
        says = (
            f"its mails are from {recipient.sender}, which other mail servers refuse or take for spam: write"
            " from: with an address of your own domain that may send there, such as usage-alerts@example.com"
        )
        yield DoctorFinding(f"recipient {name}", "wrong", says)


def _variable(name: str, wanted: str) -> Iterator[DoctorFinding]:
    try:
        found = variable(wanted)
    except MissingSecretError as error:
        yield DoctorFinding(name, "wrong", str(error))
        return
    if not found:
        yield DoctorFinding(name, "warning", f"the variable {wanted} is not set: its alerts will wait")
    elif is_untidy(wanted):
        yield DoctorFinding(name, "ok", f"{wanted} has blanks or a line break at its end, which are left off")
