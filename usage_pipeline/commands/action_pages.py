"""How actions are printed for people: a list of them, and what one run of enforcement did."""

from collections.abc import Sequence

from usage_pipeline.commands.output import complain, say, show_rows
from usage_pipeline.enforcement.carry_out import Carried
from usage_pipeline.enforcement.state import ActionRecord

_COLUMNS = (
    "id",
    "action",
    "project",
    "budget",
    "scope",
    "state",
    "requested at",
    "alert",
    "released",
    "why",
    "answer",
)


def show_actions(found: Sequence[ActionRecord], title: str = "Actions") -> None:
    """Actions as a table."""
    show_rows(title, _COLUMNS, [_row(action) for action in found])


def show_carried(carried: Carried) -> None:
    """What one run of enforcement did, for people."""
    for done in carried.done:
        say(f"enforcement: {done}")
    for source, error in carried.errors.items():
        complain(f"source {source!r}: {error}", style="red")
    if not carried.done and not carried.errors:
        say("enforcement: nothing to do")


def _row(action: ActionRecord) -> tuple[object, ...]:
    return (
        action.action_id,
        action.action,
        action.target_name,
        action.budget_id,
        action.scope_name,
        action.state,
        action.requested_at,
        action.alert_id,
        action.released_at,
        action.release_why,
        action.answer,
    )
