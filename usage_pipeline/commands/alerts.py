"""`usage-pipeline alerts`: every alert there ever was, and each attempt to deliver it."""

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from usage_pipeline.alerts.kinds.test import raise_test_alert
from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.preview import would_be_alert
from usage_pipeline.commands import silences
from usage_pipeline.commands.alert_history import ack, export
from usage_pipeline.commands.context import open_context, open_warehouse
from usage_pipeline.commands.output import (
    EXIT_FAILED,
    AsJson,
    Mistake,
    as_dicts,
    for_people,
    out,
    print_json,
    show_rows,
)
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.delivery.previews import previews
from usage_pipeline.delivery.worker import deliver_due
from usage_pipeline.settings.model import Level
from usage_pipeline.settings.recipients import Language
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement

app = typer.Typer(no_args_is_help=True, help="Every alert there ever was, and each attempt to deliver it.")
app.add_typer(silences.app, name="silence")
app.command()(ack)
app.command()(export)
_COLUMNS = ("alert", "raised", "level", "kind", "about", "scope", "tier", "delivered", "waiting", "failed")
_ATTEMPTS = ("recipient", "channel", "attempt", "started", "outcome", "status", "answer", "by")
_LONGEST_WAIT_S = 60.0


@app.command(name="list")
@for_people
def list_alerts(
    most: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=10_000)] = 50, as_json: AsJson = False
) -> None:
    """The newest alerts, with how many deliveries got through, wait, or failed."""
    with open_warehouse() as connection:
        rows = connection.execute(statement("reports/alerts"), {"most": most}).fetchall()
    if as_json:
        print_json(as_dicts(_COLUMNS, rows))
        return
    show_rows("Alerts", _COLUMNS, rows, right=("tier", "delivered", "waiting", "failed"))


@app.command()
@for_people
def show(
    alert_id: Annotated[str, typer.Argument(help="The alert's id, as its message says it.")], as_json: AsJson = False
) -> None:
    """One alert: its facts, and each attempt with the channel's own answer."""
    with open_warehouse() as connection:
        row = connection.execute(
            "SELECT alert_id, kind, budget_id, scope_value, level, tier, created_at, facts FROM usage.alert"
            " WHERE alert_id = %s",
            [alert_id],
        ).fetchone()
        if row is None:
            raise Mistake(f"there is no alert {alert_id!r}; `usage-pipeline alerts list` shows them")
        attempts = connection.execute(statement("reports/attempts_of_alert"), {"alert_id": alert_id}).fetchall()
    names = ("alert_id", "kind", "budget_id", "scope_value", "level", "tier", "created_at", "facts")
    alert = dict(zip(names, row, strict=True))
    if as_json:
        print_json(alert | {"attempts": as_dicts(_ATTEMPTS, attempts)})
        return
    facts = alert.pop("facts")
    show_rows(f"Alert {alert_id}", ("field", "value"), list(alert.items()))
    if isinstance(facts, dict):
        show_rows(
            "Facts when it was raised", ("fact", "value"), [(k, v) for k, v in facts.items() if v not in (None, [])]
        )
    show_rows("Attempts", _ATTEMPTS, attempts, right=("attempt",))


@app.command(name="test")
@for_people
def send_test(
    recipient: Annotated[str, typer.Argument(help="A name under recipients: in the configuration.")],
    level: Annotated[Level, typer.Option(help="The level that the message is marked with.")] = "info",
    as_json: AsJson = False,
) -> None:
    """Sends a marked test through the real pipeline and prints the channel's answer. Exit 0 only if it was accepted."""
    with open_context() as (connection, configuration):
        names = configuration.settings.recipients
        if recipient not in names:
            raise Mistake(
                f"there is no recipient {recipient!r}; the configuration has {', '.join(sorted(names)) or 'none'}"
            )
        alert_id = raise_test_alert(connection, configuration, recipient, level, datetime.now(UTC))
        deliver_due(connection, configuration.settings, by="usage-pipeline alerts test")
        attempts = _first_attempts(connection, alert_id)
    accepted = any(row[_ATTEMPTS.index("outcome")] == "accepted" for row in attempts)
    if as_json:
        print_json({"alert_id": alert_id, "accepted": accepted, "attempts": as_dicts(_ATTEMPTS, attempts)})
    else:
        show_rows(f"Test {alert_id}", _ATTEMPTS, attempts, right=("attempt",))
        out.print("Accepted." if accepted else "Not accepted; what is only refused for now is tried again by the pass.")
    if not accepted:
        raise typer.Exit(EXIT_FAILED)


@app.command()
@for_people
def preview(
    budget: Annotated[str, typer.Argument(help="A budget's id in the configuration.")],
    channel: Annotated[str | None, typer.Option(help="Only this channel.")] = None,
    language: Annotated[Language | None, typer.Option(help="zh or en, whatever the recipients have.")] = None,
    as_json: AsJson = False,
) -> None:
    """What every channel would show of this budget's alert, with today's figures. Nothing is written or sent."""
    if channel is not None and channel not in CHANNELS:
        raise Mistake(f"there is no channel {channel!r}; there are {', '.join(CHANNELS)}")
    with open_context() as (connection, configuration):
        settings = configuration.settings
        found = next((each for each in settings.budgets if each.id == budget), None)
        if found is None:
            known = ", ".join(each.id for each in settings.budgets) or "none"
            raise Mistake(f"there is no budget {budget!r}; the configuration has {known}")
        alert = would_be_alert(connection, settings, found, datetime.now(UTC))
    message = Message(
        delivery_id=f"{alert.alert_id}-preview",
        alert_id=alert.alert_id,
        kind=alert.kind,
        level=alert.level,
        facts=alert.facts,
        language=settings.language,
        templates=settings.templates,
    )
    shown = list(previews(message, settings, channel, language))
    if as_json:
        print_json(shown)
        return
    for each in shown:
        out.rule(f"{each.channel} · {each.recipient} · {each.language}")
        out.print(each.text, markup=False, soft_wrap=True)


def _first_attempts(connection: Connection, alert_id: str) -> list[tuple[object, ...]]:
    """The attempts once the first has ended: a running daemon may have taken the delivery before us."""
    until = time.monotonic() + _LONGEST_WAIT_S
    while True:
        rows = connection.execute(statement("reports/attempts_of_alert"), {"alert_id": alert_id}).fetchall()
        waits = any(row[_ATTEMPTS.index("outcome")] in ("pending", "sending") for row in rows)
        if not waits or time.monotonic() > until:
            return rows
        time.sleep(0.2)
