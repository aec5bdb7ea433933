"""Carries out what is planned and due: source by source side by side, each at its own console and by one run alone."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg.types.json import Json

from usage_pipeline.console.access import console_access
from usage_pipeline.console.client import Console
from usage_pipeline.console.errors import ConsoleError
from usage_pipeline.enforcement import steps
from usage_pipeline.enforcement.causes import tiers_with_actions
from usage_pipeline.enforcement.notify import tell
from usage_pipeline.enforcement.objections import objection_to
from usage_pipeline.enforcement.plan import plan_actions
from usage_pipeline.enforcement.registry import lever_of
from usage_pipeline.enforcement.state import (
    ActionRecord,
    action_with_id,
    actions,
    change,
    due_actions,
    locked,
    record_step,
)
from usage_pipeline.enforcement.steps import Work
from usage_pipeline.enforcement.webhook_action import carry_out_webhooks
from usage_pipeline.http.exchange import Timeouts
from usage_pipeline.settings import Settings, SourceSettings
from usage_pipeline.settings.environment import MissingSecretError, home_dir
from usage_pipeline.warehouse.connection import Connection, address_of, connected
from usage_pipeline.warehouse.statements import statement

_TIMEOUTS = Timeouts(connect=5.0, read=15.0, whole=60.0)
_SOURCES_AT_ONCE = 8
_WAITS_FOR_ANOTHER_S = 5


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Carried:
    """What one run planned and did; ``errors`` by source, in words."""

    planned: int = 0
    done: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)


def enforce(
    connection: Connection,
    settings: Settings,
    version: int,
    *,
    by: str,
    clock: Callable[[], datetime] = _now,
    timeouts: Timeouts = _TIMEOUTS,
) -> Carried:
    """Plans for what was reached, settles what is over, and carries out what is due.

    Safe to run twice, at once with another, and to kill anywhere. Nothing here makes a changing call unless an action
    is approved, by its mode or by a person, or is to be undone.
    """
    planned = plan_and_settle(connection, settings, version, by=by, clock=clock)
    carried = carry_out_due(connection, settings, by=by, clock=clock, timeouts=timeouts)
    carried.planned = planned
    return carried


def plan_and_settle(
    connection: Connection, settings: Settings, version: int, *, by: str, clock: Callable[[], datetime] = _now
) -> int:
    """Only rows: plans for what was reached, and marks what is over; returns how many actions are new."""
    planned = plan_actions(connection, settings, version, clock(), by=by)
    settle(connection, settings, clock(), by=by)
    return planned


def carry_out_due(
    connection: Connection,
    settings: Settings,
    *,
    by: str,
    clock: Callable[[], datetime] = _now,
    timeouts: Timeouts = _TIMEOUTS,
) -> Carried:
    """Applies, looks after and releases what is due, source by source side by side."""
    carried = Carried()
    carry_out_webhooks(connection, settings, clock(), by=by)
    look_before = clock() - timedelta(minutes=settings.enforcement.look_every_minutes)
    sources = [source for source in settings.sources if due_actions(connection, source.id, clock(), look_before)]
    if not sources:
        return carried
    address = address_of(connection)
    with ThreadPoolExecutor(min(len(sources), _SOURCES_AT_ONCE)) as pool:
        found = pool.map(lambda source: _one_source(address, settings, source, by, clock, timeouts), sources)
        for source, (done, error) in zip(sources, found, strict=True):
            carried.done += done
            if error:
                carried.errors[source.id] = error
    return carried


def settle(connection: Connection, settings: Settings, now: datetime, *, by: str) -> None:
    """Marks what is over: approvals that nobody gave in time, and actions whose ground is gone. Changes only rows."""
    with connection.transaction():
        late = connection.execute(
            "UPDATE usage.enforcement_action SET state = 'expired' WHERE state = 'planned' AND approve_until <= %s"
            " RETURNING action_id",
            [now],
        ).fetchall()
        for (action_id,) in late:
            record_step(connection, str(action_id), now, "expired", run_id=by)
            tell(connection, settings, action_with_id(connection, str(action_id)), "expired", now)
    over = connection.execute(
        statement("enforcement/over"), {"now": now, "tiers": Json(tiers_with_actions(settings))}
    ).fetchall()
    for action_id, why in over:
        want_release(connection, action_with_id(connection, str(action_id)), str(why), now, run_id=by)
    for action in actions(connection, open_only=True):
        objection = objection_to(connection, settings, action)
        if objection:
            want_release(connection, action, objection, now, run_id=by)


def want_release(
    connection: Connection,
    action: ActionRecord,
    why: str,
    now: datetime,
    *,
    by: str | None = None,
    run_id: str | None = None,
) -> ActionRecord:
    """Makes the action due to be undone; one that has changed nothing yet ends here. Safe to run twice."""
    with connection.transaction():
        # Another run may have begun to carry it out since it was read.
        action = locked(connection, action.action_id)
        if action.release_at is not None or action.released_at is not None:
            return action
        if action.held is None:
            changed = change(connection, action, state="not_needed", release_why=why, release_by=by, release_at=now)
        else:
            changed = change(
                connection, action, release_at=now, release_why=why, release_by=by, next_attempt_at=now, attempts=0
            )
        record_step(
            connection, action.action_id, now, "to be released", detail=why, by=by or "usage_pipeline", run_id=run_id
        )
    return changed


def _one_source(
    address: str, settings: Settings, source: SourceSettings, by: str, clock: Callable[[], datetime], timeouts: Timeouts
) -> tuple[list[str], str | None]:
    """What was done at one source, and what stood in the way. Another run that is long at it goes on alone."""
    with connected(address) as connection:
        work = Work(connection, settings, clock, by)
        with _alone_at(connection, source.id) as alone:
            if alone:
                _work_at(work, source, timeouts)
    return work.done, "; ".join(dict.fromkeys(work.problems)) or None


@contextmanager
def _alone_at(connection: Connection, source_id: str) -> Iterator[bool]:
    """Whether no other run works at the source during the block; waits a little for one that does."""
    name = f"usage.enforcement {source_id}"
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout = '{_WAITS_FOR_ANOTHER_S}s'")
            connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
    except psycopg.errors.LockNotAvailable:
        yield False
        return
    try:
        yield True
    finally:
        connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])


def _work_at(work: Work, source: SourceSettings, timeouts: Timeouts) -> None:
    look_before = work.clock() - timedelta(minutes=work.settings.enforcement.look_every_minutes)
    due = due_actions(work.connection, source.id, work.clock(), look_before)
    try:
        console = _console(source, timeouts)
    except (MissingSecretError, ValueError) as error:
        _all_later(work, due, str(error))
        return
    try:
        _carry_out(work, console, due)
    finally:
        console.close()


def _console(source: SourceSettings, timeouts: Timeouts) -> Console:
    if source.console is None:
        raise ValueError(f"source {source.id!r} has no console any more; add it again under sources")
    access = console_access(source.console, f"the console of source {source.id!r}")
    return Console(access, timeouts=timeouts, refusals=home_dir() / "console_refusals")


def _carry_out(work: Work, console: Console, due: list[ActionRecord]) -> None:
    """Workspace by workspace, so that an account that stands in one at a time is not sent to and fro."""
    for tenant_id in dict.fromkeys(action.tenant_id for action in due):
        of_tenant = [action for action in due if action.tenant_id == tenant_id]
        try:
            console.enter_workspace(tenant_id)
        except ConsoleError as error:
            _all_later(work, of_tenant, str(error))
            continue
        for action in of_tenant:
            try:
                _one(work, console, action)
            except psycopg.Error:
                raise
            except Exception as error:  # one app that we do not understand must not hold up the others
                _all_later(work, [action], f"internal error: {type(error).__name__}")


def _one(work: Work, console: Console, action: ActionRecord) -> None:
    # The row may have moved on since it was read: by a decision, or by what was done to another.
    action = action_with_id(work.connection, action.action_id)
    lever = lever_of(work.connection, work.settings, action)
    if action.release_at is not None:
        steps.release(work, console, lever, action)
    elif action.state in ("approved", "applied"):
        steps.apply(work, console, lever, action)
    else:
        steps.look(work, console, lever, action)


def _all_later(work: Work, due: Iterable[ActionRecord], problem: str) -> None:
    for action in due:
        if action.release_at is None and action.state == "verified":
            steps.look_later(work, action, problem)
        elif action.release_at is None:
            steps.try_later(work, action, problem)
        else:
            steps.release_later(work, action, problem)
