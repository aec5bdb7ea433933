"""Which lever an action pulls: one line an action."""

from collections.abc import Callable

from usage_pipeline.enforcement.base import Lever
from usage_pipeline.enforcement.pause_app import Doors
from usage_pipeline.enforcement.state import ActionRecord
from usage_pipeline.enforcement.switch_model import Switch
from usage_pipeline.enforcement.throttle import Throttle
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection


def lever_of(connection: Connection, settings: Settings, action: ActionRecord) -> Lever:
    """The lever as it is configured now."""
    return _LEVERS[action.action](connection, settings, action)


def _doors(_: Connection, settings: Settings, __: ActionRecord) -> Lever:
    return Doors(settings.enforcement.pause)


def _throttle(_: Connection, settings: Settings, __: ActionRecord) -> Lever:
    return Throttle(settings.enforcement.throttle_to)


def _switch(connection: Connection, settings: Settings, action: ActionRecord) -> Lever:
    """Only models that the budget is about are switched."""
    budget = next((budget for budget in settings.budgets if budget.id == action.budget_id), None)
    row = connection.execute(
        "SELECT scope ->> 'model' FROM usage.budget_status WHERE budget_id = %s AND scope_value = %s"
        " ORDER BY period_start DESC LIMIT 1",
        [action.budget_id, action.scope_value],
    ).fetchone()
    if row and row[0]:
        return Switch(settings.enforcement.other_model, (str(row[0]),))
    return Switch(settings.enforcement.other_model, (budget.scope.values().get("model") if budget else None) or ("*",))


_LEVERS: dict[str, Callable[[Connection, Settings, ActionRecord], Lever]] = {
    "pause_app": _doors,
    "lock": _doors,
    "throttle": _throttle,
    "switch_model": _switch,
}
