"""Tells people of each step of an action, once, through the outbox."""

from collections.abc import Sequence
from datetime import datetime

from usage_pipeline.alerts.outbox import NewAlert, raise_alert
from usage_pipeline.alerts.recipients import operators
from usage_pipeline.enforcement.state import ActionRecord
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection

# Each step of one action is one alert; the number keeps them apart in the alert's key.
_STEPS = {
    "dry_run": 1, "waiting for approval": 2, "applied": 3, "failed": 4, "released": 5, "by_hand": 6, "refused": 7,
    "rejected": 8, "expired": 9, "release_failed": 10, "asked": 11, "no_more": 12,
}  # fmt: skip
_WAITING = "waiting for approval"
_AS_SEVERE_AS_THE_TIER = ("dry_run", "applied", "failed", _WAITING, "asked")
_OF_NOTE = ("refused", "release_failed", "expired")


def tell(
    connection: Connection,
    settings: Settings,
    action: ActionRecord,
    what: str,
    now: datetime,
    *,
    detail: str = "",
    not_stopped: Sequence[str] = (),
) -> None:
    """Writes the message of one step of an action. Runs inside the caller's transaction, which made the step."""
    recipients = _recipients(settings, action, what)
    in_force = what in ("applied", "release_failed", "failed") and action.held is not None
    alert = NewAlert(
        kind="enforcement",
        budget_id=action.action_id,
        scope_value=action.scope_value,
        period_start=action.requested_at,
        period_end=None,
        tier=str(_STEPS[what]),
        level=_level(action, what),
        facts={
            "what": what,
            "action": action.action,
            "action_id": action.action_id,
            "project": action.target_name,
            "budget_id": action.budget_id,
            "budget_name": _name(settings, action),
            "scope_name": action.scope_name,
            "alert": action.alert_id,
            "detail": detail,
            "undo": f"usage-pipeline enforcement release {action.action_id}" if in_force else None,
            "decide": f"usage-pipeline enforcement approve {action.action_id}" if what == _WAITING else None,
            "until": action.approve_until.isoformat() if action.approve_until and what == _WAITING else None,
            "limits_of_action": list(not_stopped) if what in ("applied", _WAITING) else [],
            "as_of": now.isoformat(),
            "timezone": settings.timezone,
            "level": _level(action, what),
            "recipients": [name for name, _ in recipients],
        },
        config_version=action.config_version,
        at=now,
    )
    raise_alert(connection, alert, recipients)


def _level(action: ActionRecord, what: str) -> str:
    if what in _AS_SEVERE_AS_THE_TIER:
        return action.level
    return "warning" if what in _OF_NOTE else "info"


def _recipients(settings: Settings, action: ActionRecord, what: str) -> list[tuple[str, str]]:
    """Who is told of the alert is told of what was done about it; approvers and outside systems are asked."""
    names: Sequence[str] = action.recipients
    if what == _WAITING:
        names = settings.approvals.notify
    elif action.action == "webhook" and what in ("asked", "no_more"):
        names = settings.enforcement.webhook
    known: list[tuple[str, str]] = [
        (name, settings.recipients[name].channel) for name in names if name in settings.recipients
    ]
    return known or operators(settings)


def _name(settings: Settings, action: ActionRecord) -> str:
    budget = next((budget for budget in settings.budgets if budget.id == action.budget_id), None)
    return (budget.name if budget else None) or action.budget_id
