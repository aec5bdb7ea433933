"""Plans what is to be done about each tier that was reached, value that was locked and loop: once, only in rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.types.json import Json

from usage_pipeline.budgets.audit_log import THE_PIPELINE
from usage_pipeline.enforcement.causes import LOCK, Cause, Wanted, unplanned
from usage_pipeline.enforcement.notify import notify
from usage_pipeline.enforcement.registry import KINDS
from usage_pipeline.enforcement.state import ActionState, action_id_of, action_with_id, record_step
from usage_pipeline.enforcement.targets import Target, chosen, paused_by_loops, project_of, spenders
from usage_pipeline.settings import Settings
from usage_pipeline.settings.enforcement import Mode
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement

_FIRST_STATE: dict[Mode, ActionState] = {
    "dry_run": ActionState.DRY_RUN,
    "approve": ActionState.PLANNED,
    "auto": ActionState.APPROVED,
}
# A rehearsal is told in the alert that it belongs to.
_STEP = {
    ActionState.PLANNED: "waiting for approval",
    ActionState.REFUSED: "refused",
}


@dataclass(frozen=True)
class _Place:
    """Where an action is to take place, and what speaks against it."""

    source: str = ""
    tenant_id: str = ""
    app_id: str = ""
    name: str = ""
    refused: str | None = None


def plan_actions(connection: Connection, settings: Settings, version: int, now: datetime, *, by: str) -> int:
    """Writes an action for each project that is to be touched, as its mode says; returns how many are new.

    Every cause is planned in one transaction of its own, once whoever else plans at the same time. ``now`` is aware
    UTC; ``by`` is the run or command.
    """
    planned = 0
    for cause in unplanned(connection, now):
        with connection.transaction():
            taken = connection.execute(
                "INSERT INTO usage.enforcement_plan (cause_key, planned_at, outcome, config_version)"
                " VALUES (%s, %s, 'planning', %s) ON CONFLICT DO NOTHING RETURNING cause_key",
                [cause.cause_key, now, version],
            ).fetchone()
            if taken is None:
                continue
            outcome, number = _plan(connection, settings, version, cause, now, by)
            connection.execute(
                "UPDATE usage.enforcement_plan SET outcome = %s WHERE cause_key = %s", [outcome, cause.cause_key]
            )
            planned += number
    return planned


def _plan(
    connection: Connection, settings: Settings, version: int, cause: Cause, now: datetime, by: str
) -> tuple[str, int]:
    wanted = cause.wanted(settings)
    if wanted is None:
        return "asks for no action", 0
    if cause.period_end is None or cause.over:
        return "over before anything was planned", 0
    mode = wanted.mode
    if mode == "off":
        return "mode off", 0
    # One loop is of one app; those that others keep paused count, too.
    paused = paused_by_loops(connection) if cause.is_loop else []
    if f"{cause.source}/{cause.app_id}" in paused:
        return "paused because of another loop", 0
    number = 0
    for action in wanted.actions:
        places = _places(connection, settings, cause, wanted, action, now)
        touched = len(paused) + sum(not where.refused for where in places)
        # A lock is what its budget is for.
        asks = mode == "auto" and cause.cause != LOCK and touched > settings.enforcement.most_apps_at_once
        first = ActionState.PLANNED if asks else _FIRST_STATE[mode]
        for place, where in enumerate(places, 1):
            state = ActionState.REFUSED if where.refused else first
            number += _add(connection, settings, version, cause, mode, action, where, place, state, now, by)
    return f"{number} actions, mode {mode}" if number else "no project spends in it", number


def _places(
    connection: Connection, settings: Settings, cause: Cause, wanted: Wanted, action: str, now: datetime
) -> Sequence[_Place]:
    if outside := KINDS[action].outside:
        return [_Place(name=outside(settings))]
    if wanted.budget is None:
        found = project_of(connection, cause)
    else:
        # Nothing else than the whole of a locked value ends its spending.
        until = "all" if cause.cause == LOCK else settings.enforcement.until
        found = chosen(spenders(connection, wanted.budget, cause, now), cause, until, settings.enforcement)
    return [_place(settings, target, wanted.mode) for target in found]


def _place(settings: Settings, target: Target, mode: Mode) -> _Place:
    refused = None
    source = next((source for source in settings.sources if source.id == target.source), None)
    if settings.enforcement.never_touches(target.facts):
        refused = "it is on the list enforcement.never"
    elif mode != "dry_run" and (source is None or source.console is None):
        refused = f"source {target.source!r} has no console to act through"
    return _Place(target.source, target.tenant_id, target.app_id, target.name, refused)


def _add(
    connection: Connection,
    settings: Settings,
    version: int,
    cause: Cause,
    mode: Mode,
    action: str,
    where: _Place,
    place: int,
    state: ActionState,
    now: datetime,
    by: str,
) -> int:
    action_id = action_id_of(cause.cause_key, action, where.source, where.app_id)
    waits = timedelta(minutes=settings.enforcement.approve_within_minutes)
    written = connection.execute(
        statement("enforcement/add_action"),
        {
            "action_id": action_id,
            "cause": cause.cause,
            "cause_key": cause.cause_key,
            "alert_id": cause.alert_id,
            "budget_id": cause.budget_id,
            "scope_value": cause.scope_value,
            "scope_name": cause.scope_name or "",
            # The pause of a loop has no period either: it stands until it is released.
            "rolling": cause.is_loop or str(cause.period).startswith("rolling:"),
            "period_start": cause.since,
            "period_end": cause.period_end,
            "tier": cause.tier,
            "tier_on": cause.tier_on,
            "round": cause.round,
            "level": cause.level,
            "measure": cause.measure,
            "limit": cause.limit,
            "action": action,
            "source": where.source,
            "tenant_id": where.tenant_id,
            "app_id": where.app_id,
            "target_name": where.name,
            "place": place,
            "mode": mode,
            "state": state,
            "recipients": Json(cause.recipients),
            "now": now,
            "by": THE_PIPELINE,
            "approve_until": now + waits if state == ActionState.PLANNED else None,
            "decided_at": now if state == ActionState.APPROVED else None,
            "decided_by": "mode auto" if state == ActionState.APPROVED else None,
            "answer": where.refused,
            "config_version": version,
        },
    ).fetchone()
    if written is None:
        return 0
    record_step(connection, action_id, now, state, detail=where.refused or f"mode {mode}", run_id=by)
    if state in _STEP:
        detail = where.refused or ""
        notify(
            connection,
            settings,
            action_with_id(connection, action_id),
            _STEP[state],
            now,
            detail=detail,
            not_stopped=KINDS[action].not_stopped,
        )
    return 1
