"""Applies, looks after and releases one action: reads Dify's state first, then changes what differs, then reads again.

Each step can be killed anywhere and taken again: what was found at Dify is written down before anything is changed,
and what is to be changed is known from Dify's state, never from our memory.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from usage_pipeline.budgets.audit_log import record_event
from usage_pipeline.console.client import Console
from usage_pipeline.console.errors import (
    ConflictError,
    ConsoleError,
    NotAllowedError,
    NotFoundError,
    OutcomeUnknownError,
    RefusedError,
)
from usage_pipeline.enforcement.base import EnforcementAction, RefusedActionError, Unread
from usage_pipeline.enforcement.notify import notify
from usage_pipeline.enforcement.registry import KINDS
from usage_pipeline.enforcement.state import ActionRecord, ActionState, change, locked, others_enforced, record_step
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.locks import Lock, lock_until_commit
from usage_pipeline.warehouse.restored import found_before
from usage_pipeline.warehouse.rows import value

MAX_ATTEMPTS = 10
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=10), timedelta(minutes=10)
# What an alert says in the reader's language (alerts/kinds/enforcement_words.py).
WAS_SO_BEFORE = "all of it was so before: it stays so when this is undone"
# What stands in the record for a setting whose state before us could not be read yet.
_UNREAD = {"unread": True}
_FOR_GOOD = (NotAllowedError, NotFoundError, RefusedError, ConflictError)


@dataclass
class ActionRun:
    """What one run works with; what it did, and what it could not do yet, in words."""

    connection: Connection
    settings: Settings
    clock: Callable[[], datetime]
    by: str
    done: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def record_step(self, record: ActionRecord, kind: str, detail: str = "") -> None:
        """Adds to the action's audit log."""
        record_step(self.connection, record.action_id, self.clock(), kind, detail=detail, run_id=self.by)

    def end(self, record: ActionRecord, what: str, step: str, detail: str = "", **values: object) -> ActionRecord:
        """One step with its entry in the audit log and its message, in one transaction."""
        now = self.clock()
        with self.connection.transaction():
            changed = change(self.connection, record, next_attempt_at=now, attempts=0, **values)
            record_step(self.connection, record.action_id, now, what, detail=detail, run_id=self.by)
            not_stopped = KINDS[record.action].not_stopped
            notify(self.connection, self.settings, changed, step, now, detail=detail, not_stopped=not_stopped)
            if what in ("verified", "released", "opened by hand"):
                said = f"{record.action} {what}: {record.target_name}"
                record_event(
                    self.connection,
                    now,
                    record.budget_id,
                    record.scope_value,
                    said,
                    about=record.action_id,
                    detail=detail,
                )
        self.done.append(f"{record.action} {record.target_name}: {what}")
        return changed

    def try_again(self, record: ActionRecord, answer: str) -> ActionRecord:
        """The same step later; each failure in a row waits longer."""
        wait = min(_FIRST_WAIT * 2 ** min(record.attempts, 10), _LONGEST_WAIT)
        self.record_step(record, "tried in vain", answer)
        self.problems.append(f"{record.action} {record.target_name}: {answer}")
        attempts = record.attempts + 1
        return change(self.connection, record, attempts=attempts, next_attempt_at=self.clock() + wait, answer=answer)


def apply(work: ActionRun, console: Console, action: EnforcementAction, record: ActionRecord) -> None:
    """Makes Dify as the action means it. Raises nothing of the console: what goes wrong is in the row."""
    try:
        found = action.read(console, record.app_id)
        record = _ready(work, action, record, found) if record.before is None else record
        if record.held is None:
            return
        not_taken = _set_all(work, console, action, record, found, dict(record.held))
        found = action.read(console, record.app_id)
    except RefusedActionError as refused:
        work.end(record, "refused", "refused", str(refused), state=ActionState.REFUSED, answer=str(refused), held=None)
        return
    except ConsoleError as error:
        if isinstance(error, NotFoundError):
            work.end(record, "failed", "failed", str(error), state=ActionState.FAILED, answer=str(error), held=None)
        else:
            try_later(work, record, str(error))
        return
    _conclude(work, action, record, found, not_taken)


def _ready(work: ActionRun, action: EnforcementAction, record: ActionRecord, found: dict[str, Any]) -> ActionRecord:
    """Writes down what was found and what is wanted; held is None when this must wait."""
    before_us = dict(found)
    for other in others_enforced(work.connection, record, action.same_settings):
        # What another action has set was not so before either of them.
        before_us |= {name: (other.before or {})[name] for name, value in (other.held or {}).items()
                      if found.get(name) == value}  # fmt: skip
    before_us |= _forgotten(work, action, record, before_us)
    held = action.wanted(before_us)
    # What could not be read is marked as such: it is set as soon as it can be (look).
    before = {name: _UNREAD if isinstance(now, Unread) else now for name, now in before_us.items()
              if name in held or isinstance(now, Unread)}  # fmt: skip
    with work.connection.transaction():
        now = work.clock()
        record = locked(work.connection, record.action_id)
        if record.release_at is not None or record.state not in (ActionState.APPROVED, ActionState.APPLIED):
            return record  # somebody has decided otherwise since it was read
        if not _may_begin(work.connection, work.settings, now):
            work.record_step(record, "waits", "enforcement.most_actions_per_hour")
            return change(work.connection, record, next_attempt_at=now + timedelta(minutes=1))
        return change(work.connection, record, before=before, held=held, began_at=now)


def _forgotten(
    work: ActionRun, action: EnforcementAction, record: ActionRecord, found: dict[str, Any]
) -> dict[str, Any]:
    """What was so before us where a warehouse that was restored has forgotten that we have set it."""
    remembered = {n: value for n, value in found_before(work.connection, record.action_id).items() if n in found}
    if not remembered:
        return {}
    ours = action.wanted(found | remembered)
    return {name: value for name, value in remembered.items() if name in ours and found[name] == ours[name]}


def _may_begin(connection: Connection, settings: Settings, now: datetime) -> bool:
    """Whether one more may begin within the hour: a mistake in a budget must not stop a whole company.

    The caller's transaction, which writes that it has begun, holds back others until then.
    """
    lock_until_commit(connection, Lock.ENFORCEMENT_CAP)
    query = "SELECT count(*) FROM usage.enforcement_action WHERE began_at > %s"
    begun = value(connection, int, query, [now - timedelta(hours=1)])
    return begun < settings.enforcement.most_actions_per_hour


def _set_all(
    work: ActionRun,
    console: Console,
    action: EnforcementAction,
    record: ActionRecord,
    found: dict[str, Any],
    wanted: dict[str, Any],
) -> dict[str, str]:
    """Sets what differs; returns by setting what Dify refused for good. Raises ConsoleError when an end is unknown."""
    refused: dict[str, str] = {}
    for name, is_now in found.items():  # in the action's order: what most callers come through is first
        if name not in wanted or isinstance(is_now, Unread) or action.is_set(is_now, wanted[name]):
            continue
        try:
            work.record_step(record, "call", action.set_value(console, record.app_id, name, wanted[name]))
        except OutcomeUnknownError as error:
            work.record_step(record, "call without an answer", str(error))
            raise
        except _FOR_GOOD as error:
            work.record_step(record, "call refused", str(error))
            refused[name] = str(error)
    return refused


def _conclude(
    work: ActionRun, action: EnforcementAction, record: ActionRecord, found: dict[str, Any], not_taken: dict[str, str]
) -> None:
    """Verified when everything that Dify took is there; what it refused for good is not enforced."""
    held = dict(record.held or {})
    taken = {name: found[name] for name in held if name in found and action.is_set(found[name], held[name])}
    missing = [name for name in held if name in found and name not in taken and name not in not_taken]
    if missing:
        try_later(work, record, f"not as it was set: {', '.join(missing)}")
        return
    now = work.clock()
    unread = [f"{name} ({is_now.reason})" for name, is_now in found.items() if isinstance(is_now, Unread)]
    problem = "; ".join([*not_taken.values(), *unread])
    if not taken:
        work.end(record, "failed", "failed", problem, state=ActionState.FAILED, answer=problem, held=None)
        return
    with work.connection.transaction():
        change(work.connection, record, state=ActionState.APPLIED, applied_at=now)
        work.record_step(record, "applied")
    names = ", ".join(_shown(name, value) for name, value in taken.items())
    if all(action.is_set((record.before or {}).get(name), held[name]) for name in taken):
        # Somebody else's doing, or ours that a warehouse restored without its marks has forgotten.
        names += f"; {WAS_SO_BEFORE}"
    detail = f"{names}; not: {problem}" if problem else names
    looked_at = now - _look_every(work) if unread else now  # what could not be read is looked at by the next run
    seen = {"verified_at": now, "looked_at": looked_at, "held": taken, "answer": problem or None}
    work.end(record, "verified", "applied", detail, state=ActionState.VERIFIED, **seen)


def try_later(work: ActionRun, record: ActionRecord, answer: str) -> None:
    """Again later, or given up; what was closed by then stays on record, to be opened at the release."""
    record = work.try_again(record, answer)
    if record.attempts >= MAX_ATTEMPTS:
        work.end(record, "failed", "failed", answer, state=ActionState.FAILED, answer=answer)


def look(work: ActionRun, console: Console, action: EnforcementAction, record: ActionRecord) -> None:
    """Whether what is enforced is still so. Somebody who changed it manually is respected: it is ours no more."""
    now = work.clock()
    try:
        found = action.read(console, record.app_id)
    except NotFoundError as error:
        work.end(
            record,
            "released",
            "released",
            f"gone at Dify: {error}",
            state=ActionState.RELEASED,
            released_at=now,
            release_why="gone at Dify",
        )
        return
    except ConsoleError as error:
        look_later(work, record, str(error))
        return
    held, before = dict(record.held or {}), record.before or {}
    ours = {name for name, value in held.items() if before.get(name) != value}
    read = {name: value for name, value in found.items() if not isinstance(value, Unread)}
    by_hand = {name for name in ours if name in read and read[name] != held[name]}
    if not by_hand:
        _look_at_the_rest(work, console, action, record, found)
        return
    left = {name: value for name, value in held.items() if name not in by_hand}
    detail = ", ".join(_shown(name, found[name]) for name in sorted(by_hand))
    if ours - by_hand:
        work.end(record, "opened by hand", "by_hand", detail, held=left, looked_at=now)
    else:
        work.end(
            record,
            "opened by hand",
            "by_hand",
            detail,
            state=ActionState.RELEASED,
            released_at=now,
            release_why="by hand at Dify",
            looked_at=now,
        )


def _look_at_the_rest(
    work: ActionRun, console: Console, action: EnforcementAction, record: ActionRecord, found: dict[str, Any]
) -> None:
    """Nothing was changed by anybody: sets what could not be read before and can be now."""
    before = dict(record.before or {})
    unread = {name: value for name, value in found.items() if isinstance(value, Unread)}
    late = _late(action, before, found)
    if late:
        # Written down before anything is changed, as at the beginning; a kill from here on leaves it to be applied.
        before = {name: value for name, value in before.items() if value != _UNREAD or name in unread}
        before |= {name: found[name] for name in late}
        enforced = dict(record.held or {}) | late
        apply(work, console, action, change(work.connection, record, before=before, held=enforced,
                                            state=ActionState.APPLIED))  # fmt: skip
        return
    if unread:
        look_later(work, record, "; ".join(f"{name}: {value.reason}" for name, value in unread.items()))
        return
    change(work.connection, record, looked_at=work.clock(), answer=None)


def _late(action: EnforcementAction, before: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """What is wanted of settings that could not be read when it began; nothing where all were."""
    if _UNREAD not in before.values():
        return {}
    try:
        wanted = action.wanted(found)
    except RefusedActionError:
        return {}
    return {name: value for name, value in wanted.items() if before.get(name, _UNREAD) == _UNREAD}


def _look_every(work: ActionRun) -> timedelta:
    return timedelta(minutes=work.settings.enforcement.look_every_minutes)


def look_later(work: ActionRun, record: ActionRecord, problem: str) -> None:
    """It could not be looked at: `looked_at` stays, so that the check sees how long that is so."""
    change(work.connection, record, next_attempt_at=work.clock() + _look_every(work), answer=problem)
    work.problems.append(f"{record.action} {record.target_name}: {problem}")


def release(work: ActionRun, console: Console, action: EnforcementAction, record: ActionRecord) -> None:
    """Puts back what we changed, where it is still as we left it and no other action enforces it."""
    held, before = dict(record.held or {}), record.before or {}
    others = others_enforced(work.connection, record, action.same_settings)
    kept = {name for other in others for name, value in (other.held or {}).items()
            if (other.before or {}).get(name) != value}  # fmt: skip
    mine = [name for name in held if before.get(name) != held[name] and name not in kept]
    try:
        found = action.read(console, record.app_id)
        wanted = {name: action.restored(before[name], held[name]) for name in mine if found.get(name) == held[name]}
        not_taken = _set_all(work, console, action, record, found, wanted)
        found = action.read(console, record.app_id) if wanted else found
    except NotFoundError as error:
        _released(work, record, f"gone at Dify: {error}")
        return
    except RefusedActionError as refused:
        release_later(work, record, str(refused), notified_at=1)  # only people can change that
        return
    except ConsoleError as error:
        release_later(work, record, str(error))
        return
    unread = [f"{name}: {found[name].reason}" for name in mine if isinstance(found.get(name), Unread)]
    if unread:
        release_later(work, record, "; ".join(unread))
        return
    open_yet = [name for name in wanted if name in found and not action.is_set(found[name], wanted[name])]
    if open_yet:
        release_later(work, record, "; ".join(not_taken.values()) or f"not as it was set: {', '.join(open_yet)}")
        return
    by_others = [n for n in mine if n not in wanted and n in found and not action.is_set(found[n], before[n])]
    parts = [", ".join(_shown(name, found.get(name)) for name in wanted)]
    parts += [f"left as somebody has set it: {', '.join(by_others)}"] if by_others else []
    parts += ["still held by " + ", ".join(other.action_id for other in others)] if kept else []
    _released(work, record, "; ".join(part for part in parts if part))


def _released(work: ActionRun, record: ActionRecord, detail: str) -> None:
    said = f"{record.release_why or ''}: {detail}".strip(": ")
    work.end(record, "released", "released", said, state=ActionState.RELEASED, released_at=work.clock(), answer=None)


def release_later(work: ActionRun, record: ActionRecord, answer: str, notified_at: int = MAX_ATTEMPTS) -> None:
    """Never given up: a project that we have paused must run again. People are notified when it takes long."""
    record = work.try_again(record, answer)
    if record.attempts == notified_at:
        with work.connection.transaction():
            notify(work.connection, work.settings, record, "release_failed", work.clock(), detail=answer)


def _shown(name: str, value: object) -> str:
    """A setting in words; of models, their names."""
    if isinstance(value, dict) and "models" in value:
        models = value["models"].values()
        return "model " + ", ".join(sorted({str(m.get("name") or m.get("model")) for m in models}))
    return f"{name} {value}"
