"""`usage-pipeline budgets`: check the configuration file, and see where every budget stands."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from usage_pipeline import inputs
from usage_pipeline.budgets.current import CurrentStatus, current_status, unspent
from usage_pipeline.budgets.explain import Explanation, explain, explain_then
from usage_pipeline.budgets.preview import BudgetStanding, preview
from usage_pipeline.budgets.stood import BudgetThen, budget_then
from usage_pipeline.commands.budget_pages import rounded, show_explanation, show_terms, show_tree
from usage_pipeline.commands.context import open_context
from usage_pipeline.commands.output import EXIT_MISTAKE, AsJson, as_dicts, for_people, print_json, say, show_rows
from usage_pipeline.commands.who import By, who
from usage_pipeline.configuration import active_configuration
from usage_pipeline.configuration import confirm as confirm_waiting
from usage_pipeline.enforcement.reach import Reach, reach_of
from usage_pipeline.inputs import InputError
from usage_pipeline.settings import Budget, Settings, SettingsError, load_settings
from usage_pipeline.settings.differences import differences
from usage_pipeline.settings.environment import config_path
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.location import url_if_running
from usage_pipeline.warehouse.schema import WarehouseError

_COLUMNS = (
    "budget",
    "scope",
    "period from",
    "measure",
    "spent",
    "limit",
    "ratio",
    "level",
    "forecast",
    "version",
)


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
        raise typer.Exit(EXIT_MISTAKE) from None
    reaches = _reaches(settings)
    if as_json:
        print_json({"valid": True, "budgets": [budget.id for budget in settings.budgets], "actions": reaches})
        return
    say(f"{path} is valid: {len(settings.budgets)} budgets, {len(settings.recipients)} recipients")
    for line in (*(f"  {reach}" for reach in reaches), *_kept_out(settings)):
        say(line)


def _reaches(settings: Settings) -> list[Reach]:
    """What it may do at apps; by name where the warehouse runs already. None is started for it."""
    url = url_if_running()
    try:
        if url is not None:
            with connected(url) as connection:
                return list(reach_of(settings, connection))
    except (psycopg.Error, WarehouseError):
        pass
    return list(reach_of(settings, None))


def _kept_out(settings: Settings) -> Iterator[str]:
    """What of the default tiers a budget does not inherit."""
    for budget in settings.budgets:
        if actions := settings.harmless_actions(budget):
            yield (
                f"  {budget.id}: is of no project, so it does not take {', '.join(actions)} from the default tiers;"
                " write tiers with actions at the budget itself if it is to stop apps"
            )


@for_people
def show(
    budget_id: Annotated[str | None, typer.Argument(help="One budget, explained; left out: all of them.")] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="As of a moment, such as 2026-11-20T18:00; with a budget.")
    ] = None,
    tree: Annotated[bool, typer.Option("--tree", help="Pools and what lies in them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Where every budget stands in its current period; one budget: why, by its largest parts, and what happened."""
    with open_context() as (connection, configuration):
        settings = configuration.settings
        known = [budget.id for budget in settings.budgets]
        if budget_id is not None and budget_id not in known:
            raise InputError(f"there is no budget {budget_id!r}; the configuration has: {', '.join(known) or 'none'}")
        if at is not None and budget_id is None:
            raise InputError("--at explains one budget: name it, as in budgets show dev-daily --at 2026-11-20T18:00")
        asked = [b for b in settings.budgets if budget_id in (None, b.id)]
        now = datetime.now(UTC)
        moment = now if at in (None, "now") else inputs.moment("--at", str(at), zone=settings.timezone)
        then = budget_then(connection, configuration, asked[0], moment) if at not in (None, "now") else None
        if then is not None:
            explained = explain_then(connection, then, moment)
        else:
            explained = explain(connection, asked[0], moment) if budget_id is not None else []
        found = current_status(connection, [budget.id for budget in asked]) if at is None else []
    if as_json:
        print_json([_document(each) for each in explained] if at is not None else found + unspent(asked, found))
        return
    if tree:
        show_tree(settings.budgets, found)
        return
    if budget_id is not None:
        _show_explained(settings, asked[0], explained, then, moment)
    if at is None:
        _show_status(found + unspent(asked, found))


def _show_explained(
    settings: Settings, budget: Budget, explained: Sequence[Explanation], then: BudgetThen | None, at: datetime
) -> None:
    """One budget by the configuration of the moment that it is shown for."""
    if then is not None and then.budget is None:
        say(f"{budget.id} was not in the configuration that was active at {at.isoformat()}, version {then.version}")
        return
    of_then = then.settings if then is not None else settings
    show_terms(of_then, then.budget if then is not None and then.budget is not None else budget)
    for each in explained:
        show_explanation(of_then, each)
    if not explained:
        say(f"{budget.id} was not evaluated at {at.isoformat()}")


def _show_status(found: Sequence[CurrentStatus]) -> None:
    rows = [
        (
            status.budget_id,
            status.scope,
            status.period_start,
            status.measure,
            status.spent,
            status.limit,
            status.ratio,
            status.level,
            rounded(status.forecast, status.measure),
            status.config_version,
        )
        for status in found
    ]
    show_rows("Budgets", _COLUMNS, rows, right=("spent", "limit", "ratio", "forecast", "version"))


def _document(found: Explanation) -> dict[str, object]:
    """For programs, by the names that they know."""
    document = asdict(found)
    happened = document.pop("audit_log")
    return document | {"story": happened}


@for_people
def confirm(by: By = None, as_json: AsJson = False) -> None:
    """Make the file active at once that waits because it loses much; who did so is kept."""
    typist = who(by)
    with open_context() as (connection, before):
        if before.refused is not None:
            raise before.refused
        waiting = before.waiting
        if waiting is not None:
            confirm_waiting(connection, waiting, typist.noted(typist.person(before.settings)))
        configuration = active_configuration(connection, config_path())
    lost = waiting.lost if waiting else ()
    if as_json:
        print_json({"confirmed": waiting is not None, "version": configuration.version, "lost": lost})
        return
    if waiting is None:
        say(f"nothing waits: {config_path()} is active as version {configuration.version}")
        return
    say(f"version {configuration.version} is active; what it has lost:")
    for line in lost:
        say(f"  {line}")


@for_people
def diff(
    file: Annotated[Path, typer.Argument(help="The changed configuration file.")],
    as_json: AsJson = False,
) -> None:
    """What a changed file would do to the current periods, before it is active. Writes and sends nothing."""
    changed = load_settings(file)
    with open_context() as (connection, configuration):
        lines = differences(configuration.settings, changed)
        now_can, then_can = (list(reach_of(each, connection)) for each in (configuration.settings, changed))
        found = preview(connection, configuration, changed, datetime.now(UTC))
    changes = [(*key, before, after) for key, (before, after) in found.changes.items()]
    if as_json:
        names = ("budget_id", "scope_value", "period_start", "before", "after")
        acts = {"now": now_can, "then": then_can}
        print_json({"changes": lines, "budgets": as_dicts(names, changes), "alerts": found.alerts, "actions": acts})
        return
    show_rows("Changed", ("what",), [(line,) for line in lines])
    acting = [("then", reach) for reach in then_can if reach not in now_can]
    acting += [("no more", reach) for reach in now_can if reach not in then_can]
    show_rows("What it may do at apps", ("when", "what"), acting)
    rows = [
        (budget, (after or before or _NOWHERE).scope_name, start, *_both(before, after))
        for budget, _, start, before, after in changes
    ]
    columns = ("budget", "scope", "period from", "limit", "then", "ratio", "then", "level", "then")
    show_rows("Budgets that would stand otherwise", columns, rows, right=("limit", "ratio"))
    alerts = [
        (a.budget_id, a.scope_name, f"{a.tier.normalize():f}% of {a.tier_on}", a.level, a.spent, a.limit)
        for a in found.alerts
    ]
    show_rows("Alerts that would be raised at once", ("budget", "scope", "tier", "level", "spent", "limit"), alerts)


_NOWHERE = BudgetStanding("", "", Decimal(0), Decimal(0), Decimal(0), "")


def _both(before: BudgetStanding | None, after: BudgetStanding | None) -> list[object]:
    """Limit, ratio and level, each now and then."""
    return [getattr(side, name) if side else None for name in ("limit", "ratio", "level") for side in (before, after)]
