"""`usage-pipeline alerts`: every alert there ever was, and each attempt to deliver it."""

from typing import Annotated

import typer

from usage_pipeline.commands.output import AsJson, Mistake, as_dicts, for_people, print_json, show_rows
from usage_pipeline.commands.workplace import open_warehouse
from usage_pipeline.warehouse.statements import statement

app = typer.Typer(no_args_is_help=True, help="Every alert there ever was, and each attempt to deliver it.")
_COLUMNS = ("alert", "raised", "level", "kind", "about", "scope", "tier", "delivered", "waiting", "failed")
_ATTEMPTS = ("recipient", "channel", "attempt", "started", "outcome", "status", "answer", "by")


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
