"""`usage-pipeline alerts test` and `preview`: how a message arrives, and how it would look, before it matters."""

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from usage_pipeline.alerts.history import Attempt, attempts_of
from usage_pipeline.alerts.kinds.test import raise_test_alert
from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.preview import would_be_alert
from usage_pipeline.commands.context import open_context
from usage_pipeline.commands.output import EXIT_FAILED, AsJson, for_people, out, print_json, say, show_records
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.delivery.previews import previews
from usage_pipeline.delivery.worker import deliver_due
from usage_pipeline.inputs import InputError
from usage_pipeline.settings.model import Level
from usage_pipeline.settings.recipients import Language
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.restored import look

_LONGEST_WAIT_S = 60.0


@for_people
def send_test(
    recipient: Annotated[str, typer.Argument(help="A name under recipients: in the configuration.")],
    level: Annotated[Level, typer.Option(help="The level that the message is marked with.")] = "info",
    as_json: AsJson = False,
) -> None:
    """Send a marked test through the real pipeline and print the channel's answer. Exit 0 only if it was accepted."""
    with open_context() as (connection, configuration):
        names = configuration.settings.recipients
        if recipient not in names:
            raise InputError(
                f"there is no recipient {recipient!r}; the configuration has {', '.join(sorted(names)) or 'none'}"
            )
        restored = look(connection)
        if restored is not None:
            raise InputError(str(restored))
        alert_id = raise_test_alert(connection, configuration, recipient, level, datetime.now(UTC))
        deliver_due(connection, configuration.settings, by="usage-pipeline alerts test")
        attempts = _first_attempts(connection, alert_id)
    accepted = any(attempt.outcome == "accepted" for attempt in attempts)
    if as_json:
        print_json({"alert_id": alert_id, "accepted": accepted, "attempts": attempts})
    else:
        show_records(f"Test {alert_id}", Attempt, attempts, right=("attempt",))
        say("Accepted." if accepted else "Not accepted; what is only refused for now is tried again by the pass.")
    if not accepted:
        raise typer.Exit(EXIT_FAILED)


@for_people
def preview(
    budget: Annotated[str, typer.Argument(help="A budget's id in the configuration.")],
    channel: Annotated[str | None, typer.Option(help="Only this channel.")] = None,
    language: Annotated[Language | None, typer.Option(help="zh or en, whatever the recipients have.")] = None,
    as_json: AsJson = False,
) -> None:
    """What every channel would show of this budget's alert, with today's figures. Nothing is written or sent."""
    if channel is not None and channel not in CHANNELS:
        raise InputError(f"there is no channel {channel!r}; there are {', '.join(CHANNELS)}")
    with open_context() as (connection, configuration):
        settings = configuration.settings
        found = next((each for each in settings.budgets if each.id == budget), None)
        if found is None:
            known = ", ".join(each.id for each in settings.budgets) or "none"
            raise InputError(f"there is no budget {budget!r}; the configuration has {known}")
        alert = would_be_alert(connection, settings, found, datetime.now(UTC))
    message = Message(
        delivery_id=f"{alert.alert_id}-preview",
        alert_id=alert.alert_id,
        kind=alert.kind.name,
        level=alert.level,
        facts=alert.facts.stored(),
        language=settings.language,
        templates=settings.templates,
    )
    shown = list(previews(message, settings, channel, language))
    if as_json:
        print_json(shown)
        return
    for each in shown:
        out.rule(f"{each.channel} · {each.recipient} · {each.language}")
        out.print(each.text, soft_wrap=True)


def _first_attempts(connection: Connection, alert_id: str) -> list[Attempt]:
    """The attempts once the first has ended: a running daemon may have taken the delivery before us."""
    until = time.monotonic() + _LONGEST_WAIT_S
    while True:
        found = attempts_of(connection, alert_id)
        waits = any(attempt.outcome in ("pending", "sending") for attempt in found)
        if not waits or time.monotonic() > until:
            return found
        time.sleep(0.2)
