"""Tells people of a temporary raise: the approvers when it is asked for, everyone concerned at each further step."""

from datetime import datetime

from usage_pipeline.alerts.kinds.budget import recipients_of_budget
from usage_pipeline.alerts.outbox import NewAlert, raise_alert
from usage_pipeline.alerts.recipients import operators
from usage_pipeline.budgets.overrides import Override
from usage_pipeline.settings import Settings
from usage_pipeline.settings.model import Level
from usage_pipeline.warehouse.connection import Connection

# Each step of one raise is one alert; the number keeps them apart in the alert's key.
_STEPS = {"requested": 1, "approved": 2, "rejected": 3, "withdrawn": 4, "expired": 5, "ended": 6}


def notify_override(
    connection: Connection, settings: Settings, version: int, wanted: Override, now: datetime, *, note: str = ""
) -> str | None:
    """Writes the message of the raise's present state, once; returns the alert's id, None when it was told already.

    Runs inside the caller's transaction, which made the step. ``now`` is aware UTC.
    """
    step = "requested" if wanted.state == "pending" else wanted.state
    return _tell(connection, settings, version, wanted, now, step=step, number=_STEPS[step], level="info", note=note)


def _tell(
    connection: Connection,
    settings: Settings,
    version: int,
    wanted: Override,
    now: datetime,
    *,
    step: str,
    number: int,
    level: Level,
    note: str = "",
) -> str | None:
    budget = next((b for b in settings.budgets if b.id == wanted.budget_id), None)
    recipients = recipients_of_budget(connection, settings, wanted.budget_id, wanted.scope_value)
    if step == "requested":
        named = settings.approvals.notify
        recipients = [(name, settings.recipients[name].channel) for name in named] or operators(settings)
    alert = NewAlert(
        kind="override",
        budget_id=wanted.override_id,
        scope_value=wanted.scope_value,
        period_start=wanted.requested_at,
        period_end=wanted.until,
        tier=str(number),
        level=level,
        facts={
            "override": wanted.override_id,
            "step": step,
            "budget_id": wanted.budget_id,
            "budget_name": (budget.name if budget else None) or wanted.budget_id,
            "scope_name": wanted.scope_name,
            "raise": wanted.amount,
            "until": wanted.until.isoformat(),
            "reason": wanted.reason,
            "requested_by": wanted.requested_by,
            "decided_by": wanted.decided_by,
            "approvers": [name for name in settings.approvals.approvers if name != wanted.requested_by],
            "note": note,
            "as_of": now.isoformat(),
            "timezone": settings.timezone,
            "level": level,
            "recipients": [name for name, _ in recipients],
        },
        config_version=version,
        at=now,
    )
    return alert.alert_id if raise_alert(connection, alert, recipients) else None
