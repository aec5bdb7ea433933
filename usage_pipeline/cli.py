"""The `usage-pipeline` command: where each of its subcommands lives; nothing is imported before it is called."""

from importlib.metadata import version
from typing import Annotated

import typer

from usage_pipeline.commands.entry import Entry
from usage_pipeline.commands.lazy import Command, Group, lazy_group

COMMANDS: dict[str, Command | Group] = {
    "init": Command(
        "init",
        "init",
        "Write a first configuration with comments and a .env for its secrets. Never overwrites anything.",
    ),
    "demo": Command(
        "demo",
        "demo",
        "Set up a made-up Dify with 60 days of usage, run the whole job on it, and show what arrives where.",
    ),
    "run": Command(
        "run",
        "run",
        "One whole pass: read, roll up, evaluate budgets, alert, enforce, deliver, compare."
        " Exit 0 only if all is well.",
    ),
    "tour": Command(
        "tour",
        "tour",
        "What was found, three budgets that fit the last 30 days, and a first report. Sends and changes nothing.",
    ),
    "up": Command(
        "servers",
        "up",
        "Start the Dagster UI and its daemon: the pass runs each minute, alerts leave within seconds. Ctrl-C ends it.",
    ),
    "status": Command(
        "status",
        "status",
        "Does it run: the last pass, each source's lag, alerts that wait, disk, versions. Exit 0 only if all is well.",
    ),
    "web": Command(
        "servers",
        "web",
        "Serve the page that messages link to, and answers to machines. `up` does so, too. Ctrl-C ends it.",
    ),
    "backup": Command(
        "backup",
        "backup",
        "Write the warehouse and the configuration into one file, as of one moment, while everything goes on.",
    ),
    "restore": Command(
        "backup",
        "restore",
        "Put a backup into an empty warehouse. Nothing is sent or done at Dify until `restored --accept`.",
    ),
    "move-warehouse": Command(
        "move_warehouse",
        "move_warehouse",
        "Copy the warehouse into an empty database of another server, counted before and after. The old one stays.",
    ),
    "down": Command("servers", "down", "Stop the embedded server; nothing that it holds is lost."),
    "backfill": Command(
        "backfill",
        "backfill",
        "Make past days again under the active configuration: keys, environments, zones, prices, tables, budgets.",
    ),
    "reconcile": Command(
        "reconcile",
        "reconcile_command",
        "Hold each day against the source's own sums; what does not fit is read again and named.",
    ),
    "keys": Command(
        "keys",
        "keys",
        "List API keys with their use of the last 30 days, and per project the share of API calls attributed to a key.",
    ),
    "doctor": Command(
        "doctor",
        "doctor",
        "Look at configuration, warehouse, every source and recipient; say what is wrong and what to do.",
    ),
    "nodes": Command(
        "nodes",
        "nodes",
        "Which workflow nodes burn the most in the last full days, and what it was in the days before.",
    ),
    "report": Command(
        "report",
        "report",
        "Write the report of a day, week or month, or a month's chargeback statements. Sends nothing unless told to.",
    ),
    "grant-reader": Command(
        "grant_reader",
        "grant",
        "Make a read-only PostgreSQL login that sees this tenant's rows only."
        " The password is shown once, kept nowhere.",
    ),
    "restored": Command(
        "restored",
        "restored",
        "What was sent and done since the backup that the warehouse was restored from; --accept goes on with it.",
    ),
    "budgets": Group(
        "Check the configuration, and see where every budget stands.",
        {
            "validate": Command(
                "budgets",
                "validate",
                "Check a configuration file: every error with file, line, field, value and fix."
                " Exit 2 if there is one.",
            ),
            "show": Command(
                "budgets",
                "show",
                "Where every budget stands in its current period; one budget: why, by its largest parts,"
                " and what happened.",
            ),
            "confirm": Command(
                "budgets",
                "confirm",
                "Make the file active at once that waits because it loses much; who did so is kept.",
            ),
            "diff": Command(
                "budgets",
                "diff",
                "What a changed file would do to the current periods, before it is active. Writes and sends nothing.",
            ),
        },
    ),
    "alerts": Group(
        "Every alert there ever was, and each attempt to deliver it.",
        {
            "list": Command(
                "alerts",
                "list_alerts",
                "The newest alerts, with how many deliveries were accepted, wait, or failed.",
            ),
            "show": Command("alerts", "show", "One alert: its facts, and each attempt with the channel's own answer."),
            "ack": Command(
                "alerts",
                "ack",
                "Acknowledge an alert: you have seen it, and it is neither repeated nor escalated any more.",
            ),
            "silence": Command("silences", "app", "For a time, alerts of some budgets are written but not sent."),
            "export": Command(
                "alert_export",
                "export",
                "All that happened to alerts, by the warehouse's clock: states, attempts with answers, by whom,"
                " versions.",
            ),
            "test": Command(
                "alert_trials",
                "send_test",
                "Send a marked test through the real pipeline and print the channel's answer."
                " Exit 0 only if it was accepted.",
            ),
            "preview": Command(
                "alert_trials",
                "preview",
                "What every channel would show of this budget's alert, with today's figures."
                " Nothing is written or sent.",
            ),
        },
    ),
    "invoices": Group(
        "Import what providers invoiced, and see how much of it was counted.",
        {
            "import": Command(
                "invoices",
                "import_file",
                "Take a CSV file of invoices. The same file again changes nothing, a corrected amount replaces.",
            ),
            "show": Command(
                "invoices",
                "show",
                "By month, provider and model: invoiced, counted and their ratio, in the configuration's currency.",
            ),
        },
    ),
    "overrides": Group(
        "Temporary overrides of a budget's limit: request, approve, reject, withdraw, list.",
        {
            "request": Command(
                "overrides",
                "request",
                "Ask for a temporary override. It is pending until an approver, who is not you, approves it.",
            ),
            "approve": Command(
                "overrides",
                "approve",
                "Approve an override: the limit is raised at once, and falls back by itself.",
            ),
            "reject": Command("overrides", "reject", "Reject an override that is pending."),
            "withdraw": Command(
                "overrides", "withdraw_request", "Take back an override that you asked for and that is pending."
            ),
            "list": Command("overrides", "list_overrides", "Every override there ever was, the newest first."),
        },
    ),
    "enforcement": Group(
        "Actions at Dify because of budgets: list, show, approve, reject, release, run.",
        {
            "list": Command("enforcement", "list_actions", "Every action there ever was, the newest first."),
            "show": Command(
                "enforcement", "show", "One action: what was found at Dify, what was done, by whom, and how it ended."
            ),
            "approve": Command(
                "enforcement", "approve", "Approve an action that waits for it: it is carried out at once."
            ),
            "reject": Command("enforcement", "reject", "Reject an action that waits for an approval."),
            "release": Command(
                "enforcement",
                "release",
                "Undo an action at Dify now, whatever its budget says."
                " It is not taken again before the next tier or period.",
            ),
            "run": Command("enforcement", "run", "Plan, carry out and undo what is due now, as each pass does it."),
        },
    ),
}

app = typer.Typer(cls=lazy_group(COMMANDS, Entry), no_args_is_help=True, pretty_exceptions_enable=False)


def _show_version(wanted: bool) -> None:
    if wanted:
        from usage_pipeline.commands.output import say  # noqa: PLC0415  (slow to import)

        say(f"usage-pipeline {version('usage-pipeline')}")
        raise typer.Exit


@app.callback()
def _usage_pipeline(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Counts every token and cent of a self-hosted Dify, holds them against budgets and notifies people in time."""


def main() -> None:
    """Entry point of the installed command."""
    app()
