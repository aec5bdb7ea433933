"""One action: its row in usage.enforcement_action, its changes, and its audit log in usage.enforcement_event."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from psycopg.sql import SQL, Identifier, Placeholder
from psycopg.types.json import Json

from usage_pipeline.budgets.audit_log import THE_PIPELINE
from usage_pipeline.inputs import InputError
from usage_pipeline.settings.approvals import KnownBy
from usage_pipeline.settings.budget import Level
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.short_id import short_id
from usage_pipeline.warehouse.statements import statement

State = Mapping[str, Any]
# What a loop's tier is `on`: it stands for the rule that watches for loops, and has no budget.
LOOP = "loop"


class ActionState(StrEnum):
    """Where an action is on its way; what is to be undone has its release_at beside."""

    DRY_RUN = "dry_run"
    PLANNED = "planned"  # it waits for an approval
    APPROVED = "approved"
    APPLIED = "applied"  # Dify has been asked
    VERIFIED = "verified"  # and is as it was asked to be
    RELEASED = "released"
    FAILED = "failed"
    REFUSED = "refused"
    REJECTED = "rejected"
    EXPIRED = "expired"
    NOT_NEEDED = "not_needed"


class NoSuchActionError(InputError):
    """There is no action of that id; the text says how to find one."""


@dataclass(frozen=True)
class ActionRecord:
    """A row of usage.enforcement_action; times aware UTC, ``limit`` in the measure's unit."""

    action_id: str
    cause: str
    cause_key: str
    alert_id: str | None
    budget_id: str
    scope_value: str
    scope_name: str
    rolling: bool
    period_start: datetime
    period_end: datetime
    tier: Decimal
    tier_on: str
    round: int
    level: Level
    measure: str
    limit: Decimal
    action: str
    source: str
    tenant_id: str
    app_id: str
    target_name: str
    place: int
    mode: str
    state: str
    before: State | None
    held: State | None
    recipients: list[str]
    requested_at: datetime
    requested_by: str
    approve_until: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    began_at: datetime | None
    applied_at: datetime | None
    verified_at: datetime | None
    looked_at: datetime | None
    release_at: datetime | None
    release_why: str | None
    release_by: str | None
    released_at: datetime | None
    attempts: int
    next_attempt_at: datetime
    answer: str | None
    config_version: int | None

    @property
    def of_loop(self) -> bool:
        """Returns whether it was taken because of a loop, not of a budget."""
        return self.tier_on == LOOP


def action_id_of(cause_key: str, action: str, source: str, app_id: str) -> str:
    """Short and always the same for the same action, so that planning it twice is planning it once."""
    return "act-" + short_id("|".join((cause_key, action, source, app_id)), 8)


def actions(
    connection: Connection,
    *,
    action_id: str | None = None,
    state: str | None = None,
    alert_id: str | None = None,
    budget_id: str | None = None,
    project: str | None = None,
    enforced_only: bool = False,
    open_only: bool = False,
) -> list[ActionRecord]:
    """Returns actions by what is said, the newest first; or those in effect at Dify, or that may come to be."""
    parameters = {
        "action_id": action_id,
        "state": state,
        "alert_id": alert_id,
        "budget_id": budget_id,
        "project": project,
        "enforced_only": enforced_only,
        "open_only": open_only,
    }
    return rows(connection, ActionRecord, statement("enforcement/listed"), parameters)


def action_with_id(connection: Connection, action_id: str) -> ActionRecord:
    """Returns one action. Raises NoSuchActionError."""
    found = actions(connection, action_id=action_id)
    if not found:
        raise NoSuchActionError(f"there is no action {action_id!r}; `usage-pipeline enforcement list` shows them")
    return found[0]


def locked(connection: Connection, action_id: str) -> ActionRecord:
    """Returns the action, which nobody else changes until the caller's transaction ends. Raises NoSuchActionError."""
    connection.execute("SELECT FROM usage.enforcement_action WHERE action_id = %s FOR UPDATE", [action_id])
    return action_with_id(connection, action_id)


def due_actions(connection: Connection, source: str, now: datetime, look_before: datetime) -> list[ActionRecord]:
    """Returns what something is to be done about in one source, releases first."""
    parameters = {"source": source, "now": now, "look_before": look_before}
    return rows(connection, ActionRecord, statement("enforcement/due"), parameters)


def others_enforced(connection: Connection, action: ActionRecord, kinds: tuple[str, ...]) -> list[ActionRecord]:
    """Returns other actions that enforce the same settings of the same project and are not to be undone yet."""
    held = actions(connection, project=action.app_id, enforced_only=True)
    return [
        other
        for other in held
        if (other.source, other.app_id) == (action.source, action.app_id)
        and other.action_id != action.action_id
        and other.action in kinds
        and other.release_at is None
    ]


def change(connection: Connection, action: ActionRecord, **values: object) -> ActionRecord:
    """Sets columns of the row; returns the row as it is now."""
    names = list(values)
    query = SQL("UPDATE usage.enforcement_action SET {} WHERE action_id = %(action_id)s").format(
        SQL(", ").join(SQL("{} = {}").format(Identifier(name), Placeholder(name)) for name in names)
    )
    adapted = {name: Json(value) if name in ("before", "held") and value is not None else value
               for name, value in values.items()}  # fmt: skip
    connection.execute(query, {**adapted, "action_id": action.action_id})
    return action_with_id(connection, action.action_id)


def record_step(
    connection: Connection,
    action_id: str,
    now: datetime,
    kind: str,
    *,
    detail: str = "",
    by: str = THE_PIPELINE,
    run_id: str | None = None,
    known_by: KnownBy | None = None,
) -> None:
    """Adds to the action's audit log, which the database lets nobody change."""
    connection.execute(
        "INSERT INTO usage.enforcement_event (action_id, at, kind, by, known_by, detail, run_id)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [action_id, now, kind, by, known_by, detail[:2000], run_id],
    )


def audit_log(connection: Connection, action_id: str) -> list[tuple[object, ...]]:
    """Returns at, kind, by, detail and how it is known who, of everything that happened to an action, in its order."""
    return connection.execute(
        "SELECT at, kind, by, detail, known_by FROM usage.enforcement_event WHERE action_id = %s ORDER BY event_id",
        [action_id],
    ).fetchall()
