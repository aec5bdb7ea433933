"""Marks what is over or must not be: approvals that nobody gave, actions without ground, what is left alone now."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Json

from usage_pipeline.enforcement.causes import tiers_with_actions
from usage_pipeline.enforcement.notify import notify
from usage_pipeline.enforcement.state import (
    ActionRecord,
    ActionState,
    action_with_id,
    actions,
    change,
    locked,
    record_step,
)
from usage_pipeline.settings import Settings
from usage_pipeline.settings.approvals import KnownBy
from usage_pipeline.settings.enforcement import Mode, TargetFacts
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row, rows, values
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class _Over:
    action_id: str
    why: str


def settle(connection: Connection, settings: Settings, now: datetime, *, by: str) -> None:
    """Marks what is over: approvals that nobody gave in time, and actions whose ground is gone. Changes only rows."""
    with connection.transaction():
        for action_id in values(connection, str, statement("enforcement/expire"), {"now": now}):
            record_step(connection, action_id, now, "expired", run_id=by)
            notify(connection, settings, action_with_id(connection, action_id), "expired", now)
    tiers = Json(tiers_with_actions(settings))
    for over in rows(connection, _Over, statement("enforcement/over"), {"now": now, "tiers": tiers}):
        want_release(connection, action_with_id(connection, over.action_id), over.why, now, run_id=by)
    for record in actions(connection, open_only=True):
        objection = _objection_to(connection, settings, record)
        if objection:
            want_release(connection, record, objection, now, run_id=by)


def want_release(
    connection: Connection,
    record: ActionRecord,
    why: str,
    now: datetime,
    *,
    by: str | None = None,
    run_id: str | None = None,
    known_by: KnownBy | None = None,
) -> ActionRecord:
    """Makes the action due to be undone; one that has changed nothing yet ends here. Safe to run twice."""
    with connection.transaction():
        # Another run may have begun to carry it out since it was read.
        record = locked(connection, record.action_id)
        if record.release_at is not None or record.released_at is not None:
            return record
        if record.held is None:
            changed = change(
                connection, record, state=ActionState.NOT_NEEDED, release_why=why, release_by=by, release_at=now
            )
        else:
            changed = change(
                connection, record, release_at=now, release_why=why, release_by=by, next_attempt_at=now, attempts=0
            )
        record_step(
            connection,
            record.action_id,
            now,
            "to be released",
            detail=why,
            by=by or "usage_pipeline",
            run_id=run_id,
            known_by=known_by,
        )
    return changed


def _objection_to(connection: Connection, settings: Settings, record: ActionRecord) -> str | None:
    """Returns why the action must not be, in words; None when nothing speaks against it.

    A mode that carries nothing out stops what has not begun; what is enforced already stays until its ground is gone.
    """
    parameters = {"source": record.source, "app_id": record.app_id}
    facts = row(connection, TargetFacts, statement("enforcement/project_facts"), parameters)
    if facts and settings.enforcement.never_touches(facts):
        return "it is on the list enforcement.never"
    if record.began_at is None and (mode := _mode(settings, record)) not in ("approve", "auto"):
        return f"mode is {mode} now"
    return None


def _mode(settings: Settings, record: ActionRecord) -> Mode:
    """The mode of its tier now; that of the file for a loop, and when its tier is there no more."""
    tiers = [tier for b in settings.budgets if b.id == record.budget_id for tier in settings.tiers_of(b)]
    tier = next((tier for tier in tiers if (tier.at, tier.on) == (record.tier, record.tier_on)), None)
    return settings.mode_of(tier) if tier else settings.enforcement.mode
