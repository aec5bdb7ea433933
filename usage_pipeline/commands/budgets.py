"""`usage-pipeline budgets`: check the configuration file, and see where every budget stands."""

from collections.abc import Sequence, Set
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from usage_pipeline.commands.output import AsJson, Mistake, as_dicts, for_people, out, print_json, show_rows
from usage_pipeline.commands.workplace import open_workplace
from usage_pipeline.settings import Budget, SettingsError, load_settings
from usage_pipeline.settings.environment import config_path
from usage_pipeline.warehouse.statements import statement

app = typer.Typer(no_args_is_help=True, help="Check the configuration, and see where every budget stands.")
_COLUMNS = ("budget_id", "scope_value", "scope", "period", "period_start", "period_end", "measure", "spent", "limit",
            "ratio", "level", "forecast", "as_of", "config_version")  # fmt: skip


@app.command()
@for_people
def validate(
    file: Annotated[Path | None, typer.Argument(help="The file; left out: the configuration in use.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a configuration file: every error with file, line, field, value and fix. Exit 2 if there is one."""
    path = file or config_path()
    try:
        settings = load_settings(path)
    except SettingsError as error:
        if not as_json:
            raise
        print_json({"valid": False, "problems": error.problems})
        raise typer.Exit(2) from None
    if as_json:
        print_json({"valid": True, "budgets": [budget.id for budget in settings.budgets]})
        return
    out.print(f"{path} is valid: {len(settings.budgets)} budgets, {len(settings.recipients)} recipients", markup=False)


@app.command()
@for_people
def show(
    budget_id: Annotated[str | None, typer.Argument(help="One budget; left out: all of them.")] = None,
    as_json: AsJson = False,
) -> None:
    """Where every budget stands in its current period: spent, limit, level, forecast."""
    with open_workplace() as (connection, configuration):
        known = [budget.id for budget in configuration.settings.budgets]
        if budget_id is not None and budget_id not in known:
            raise Mistake(f"there is no budget {budget_id!r}; the configuration has: {', '.join(known) or 'none'}")
        rows = connection.execute(statement("reports/budget_rows"), {"budget_id": budget_id}).fetchall()
    asked = [b for b in configuration.settings.budgets if budget_id in (None, b.id)]
    rows += _without_spending(asked, {str(row[0]) for row in rows})
    if as_json:
        print_json(as_dicts(_COLUMNS, rows))
        return
    shown = [(r[0], r[2], r[4], r[6], r[7], r[8], r[9], r[10], r[11], r[13]) for r in rows]
    columns = ("budget", "scope", "period from", "measure", "spent", "limit", "ratio", "level", "forecast", "version")
    show_rows("Budgets", columns, shown, right=("spent", "limit", "ratio", "forecast", "version"))


def _without_spending(budgets: Sequence[Budget], judged: Set[str]) -> list[tuple[object, ...]]:
    """A row for each budget that has no value in its current period: nothing that it takes in has spent yet."""
    return [
        (b.id, None, "nothing spent yet", b.period_key, None, None, measure, Decimal(0), limit, Decimal(0), "ok",
         None, None, None)
        for b in budgets
        if b.id not in judged
        for measure, limit in [min(b.limit.measures().items())]
    ]  # fmt: skip
