"""Carries out what is planned and due: source by source side by side, each at its own console and by one run alone."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg

from usage_pipeline.console.access import console_access
from usage_pipeline.console.client import Console
from usage_pipeline.console.errors import ConsoleError
from usage_pipeline.enforcement import steps
from usage_pipeline.enforcement.plan import plan_actions
from usage_pipeline.enforcement.registry import configured_action
from usage_pipeline.enforcement.settle import settle
from usage_pipeline.enforcement.state import (
    ActionRecord,
    ActionState,
    action_with_id,
    due_actions,
)
from usage_pipeline.enforcement.steps import ActionRun
from usage_pipeline.enforcement.webhook_action import carry_out_webhooks
from usage_pipeline.http.exchange import Timeouts
from usage_pipeline.settings import Settings, SourceSettings
from usage_pipeline.settings.environment import MissingSecretError, home_dir
from usage_pipeline.warehouse.connection import Connection, address_of, connected
from usage_pipeline.warehouse.high_water import mark_done
from usage_pipeline.warehouse.restored import look

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
    """Applies, looks after and releases what is due, source by source side by side.

    Nothing from a warehouse that was restored and that nobody has accepted yet: its error has no source.
    """
    carried = Carried()
    restored = look(connection)
    if restored is not None:
        return Carried(errors={"": str(restored)})
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


def _one_source(
    address: str, settings: Settings, source: SourceSettings, by: str, clock: Callable[[], datetime], timeouts: Timeouts
) -> tuple[list[str], str | None]:
    """What was done at one source, and what stood in the way. Another run that is long at it goes on alone."""
    with connected(address) as connection:
        work = ActionRun(connection, settings, clock, by)
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


def _work_at(work: ActionRun, source: SourceSettings, timeouts: Timeouts) -> None:
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


def _carry_out(work: ActionRun, console: Console, due: list[ActionRecord]) -> None:
    """Workspace by workspace, so that an account that stands in one at a time is not sent to and fro."""
    for tenant_id in dict.fromkeys(record.tenant_id for record in due):
        of_tenant = [record for record in due if record.tenant_id == tenant_id]
        try:
            console.enter_workspace(tenant_id)
        except ConsoleError as error:
            _all_later(work, of_tenant, str(error))
            continue
        for record in of_tenant:
            try:
                _one(work, console, record)
                _mark(work, record)
            except psycopg.Error:
                raise
            except Exception as error:  # one app that we do not understand must not hold up the others
                _all_later(work, [record], f"internal error: {type(error).__name__}")


def _one(work: ActionRun, console: Console, record: ActionRecord) -> None:
    # The row may have moved on since it was read: by a decision, or by what was done to another.
    record = action_with_id(work.connection, record.action_id)
    action = configured_action(work.connection, work.settings, record)
    if record.release_at is not None:
        steps.release(work, console, action, record)
    elif record.state in (ActionState.APPROVED, ActionState.APPLIED):
        steps.apply(work, console, action, record)
    else:
        steps.look(work, console, action, record)


def _mark(work: ActionRun, before: ActionRecord) -> None:
    """Keeps beside the warehouse where the action stands, when it has moved on."""
    now = action_with_id(work.connection, before.action_id)
    if (now.state, now.before, now.held) != (before.state, before.before, before.held):
        mark_done(work.connection, now.action_id, now.state, now.before)


def _all_later(work: ActionRun, due: Iterable[ActionRecord], problem: str) -> None:
    for record in due:
        if record.release_at is None and record.state == ActionState.VERIFIED:
            steps.look_later(work, record, problem)
        elif record.release_at is None:
            steps.try_later(work, record, problem)
        else:
            steps.release_later(work, record, problem)
