"""The `usage-pipeline` command: puts its subcommands together, nothing else."""

import typer

from usage_pipeline.commands import alerts, budgets, enforcement, invoices, overrides
from usage_pipeline.commands.backfill import backfill
from usage_pipeline.commands.demo import demo
from usage_pipeline.commands.doctor import doctor
from usage_pipeline.commands.grant_reader import grant
from usage_pipeline.commands.keys import keys
from usage_pipeline.commands.nodes import nodes
from usage_pipeline.commands.reconcile import reconcile_command
from usage_pipeline.commands.report import report
from usage_pipeline.commands.run import run
from usage_pipeline.commands.servers import down, up

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Counts every token and cent of a self-hosted Dify, holds them against budgets and tells people in time.",
)
app.command()(demo)
app.command()(run)
app.command()(up)
app.command()(down)
app.command()(backfill)
app.command(name="reconcile")(reconcile_command)
app.command()(keys)
app.command()(doctor)
app.command()(nodes)
app.command()(report)
app.command("grant-reader")(grant)
app.add_typer(budgets.app, name="budgets")
app.add_typer(alerts.app, name="alerts")
app.add_typer(invoices.app, name="invoices")
app.add_typer(overrides.app, name="overrides")
app.add_typer(enforcement.app, name="enforcement")


def main() -> None:
    """Entry point of the installed command."""
    app()
