"""`usage-pipeline nodes`: which workflow nodes burn the most, and what it was before."""

from enum import StrEnum
from typing import Annotated

import typer

from usage_pipeline.commands.context import open_context
from usage_pipeline.commands.output import AsJson, for_people, print_json, show_rows
from usage_pipeline.inputs import InputError
from usage_pipeline.usage.top_nodes import has_project, top_nodes

_COLUMNS = (
    "project",
    "title",
    "type",
    "models",
    "calls",
    "tokens",
    "tokens_before",
    "tokens_change_percent",
    "cost",
    "cost_before",
    "cost_change_percent",
    "unpriced_tokens",
)


class By(StrEnum):
    """What the largest are ordered by."""

    TOKENS = "tokens"
    COST = "cost"


@for_people
def nodes(
    days: Annotated[int, typer.Option(min=1, max=366, help="How many full days; as many before them beside.")] = 7,
    project: Annotated[str | None, typer.Option(help="Only projects of this name, id or glob.")] = None,
    by: Annotated[By, typer.Option(help="Order by tokens or by cost.")] = By.TOKENS,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many nodes.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Which workflow nodes burn the most in the last full days, and what it was in the days before."""
    with open_context() as (connection, configuration):
        if project is not None and not has_project(connection, project):
            raise InputError(
                f"there is no project {project!r}; `usage-pipeline run` lists them by name, and * fits any part"
            )
        found = top_nodes(connection, days=days, project=project, by=by.value, limit=limit)
        currency = configuration.settings.currency
    if as_json:
        print_json([{**vars(node), "currency": currency} for node in found])
        return
    shown = tuple(_heading(column, currency) for column in _COLUMNS)
    title = f"Nodes that burn the most: {days} full day{'s' if days > 1 else ''}, and as many before"
    show_rows(title, shown, [node.as_row(_COLUMNS) for node in found], right=shown[4:])


def _heading(column: str, currency: str) -> str:
    if column.endswith("_change_percent"):
        return "±%"
    return column.replace("_", " ").replace("cost", currency)
