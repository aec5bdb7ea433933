"""Applies, looks after and releases one action: reads Dify's state first, then changes what differs, then reads again.

Each step can be killed anywhere and taken again: what was found at Dify is written down before anything is changed,
and what is changed is told by Dify's state, never by our memory.
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
from usage_pipeline.enforcement.base import Lever, RefusedActionError
from usage_pipeline.enforcement.hourly_cap import may_begin
from usage_pipeline.enforcement.notify import tell
from usage_pipeline.enforcement.state import ActionRecord, change, locked, others_enforced, record_step
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection

MAX_ATTEMPTS = 10
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=10), timedelta(minutes=10)
_FOR_GOOD = (NotAllowedError, NotFoundError, RefusedError, ConflictError)


@dataclass
class Work:
    """What one run works with; what it did, and what it could not do yet, in words."""

    connection: Connection
    settings: Settings
    clock: Callable[[], datetime]
    by: str
    done: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def record_step(self, action: ActionRecord, kind: str, detail: str = "") -> None:
        """Adds to the action's story."""
        record_step(self.connection, action.action_id, self.clock(), kind, detail=detail, run_id=self.by)

    def end(self, action: ActionRecord, what: str, told: str, detail: str = "", **values: object) -> ActionRecord:
        """One step with its story and its message, in one transaction."""
        now = self.clock()
        with self.connection.transaction():
            changed = change(self.connection, action, next_attempt_at=now, attempts=0, **values)
            record_step(self.connection, action.action_id, now, what, detail=detail, run_id=self.by)
            tell(self.connection, self.settings, changed, told, now, detail=detail)
            if what in ("verified", "released", "opened by hand"):
                said = f"{action.action} {what}: {action.target_name}"
                record_event(self.connection, now, action.budget_id, action.scope_value, said, about=action.action_id,
                           detail=detail)  # fmt: skip
        self.done.append(f"{action.action} {action.target_name}: {what}")
        return changed

    def try_again(self, action: ActionRecord, answer: str) -> ActionRecord:
        """The same step later; each failure in a row waits longer."""
        wait = min(_FIRST_WAIT * 2 ** min(action.attempts, 10), _LONGEST_WAIT)
        self.record_step(action, "tried in vain", answer)
        self.problems.append(f"{action.action} {action.target_name}: {answer}")
        attempts = action.attempts + 1
        return change(self.connection, action, attempts=attempts, next_attempt_at=self.clock() + wait, answer=answer)


def apply(work: Work, console: Console, lever: Lever, action: ActionRecord) -> None:
    """Makes Dify as the action means it. Raises nothing of the console: what goes wrong is in the row."""
    try:
        found = lever.read(console, action.app_id)
        action = _ready(work, lever, action, found) if action.before is None else action
        if action.held is None:
            return
        not_taken = _turn_all(work, console, lever, action, found, dict(action.held))
        found = lever.read(console, action.app_id)
    except RefusedActionError as refused:
        work.end(action, "refused", "refused", str(refused), state="refused", answer=str(refused), held=None)
        return
    except ConsoleError as error:
        if isinstance(error, NotFoundError):
            work.end(action, "failed", "failed", str(error), state="failed", answer=str(error), held=None)
        else:
            try_later(work, action, str(error))
        return
    _conclude(work, lever, action, found, not_taken)


def _ready(work: Work, lever: Lever, action: ActionRecord, found: dict[str, Any]) -> ActionRecord:
    """Writes down what was found and what is meant; held is None when this must wait."""
    before_us = dict(found)
    for other in others_enforced(work.connection, action, lever.actions):
        # What another action has set was not so before either of them.
        before_us |= {name: (other.before or {})[name] for name, value in (other.held or {}).items()
                      if found.get(name) == value}  # fmt: skip
    held = lever.meant(before_us)
    before = {name: before_us[name] for name in held}
    with work.connection.transaction():
        now = work.clock()
        action = locked(work.connection, action.action_id)
        if action.release_at is not None or action.state not in ("approved", "applied"):
            return action  # somebody has decided otherwise since it was read
        if not may_begin(work.connection, work.settings, now):
            work.record_step(action, "waits", "enforcement.most_actions_per_hour")
            return change(work.connection, action, next_attempt_at=now + timedelta(minutes=1))
        return change(work.connection, action, before=before, held=held, began_at=now)


def _turn_all(
    work: Work, console: Console, lever: Lever, action: ActionRecord, found: dict[str, Any], wanted: dict[str, Any]
) -> dict[str, str]:
    """Sets what differs; gives by setting what Dify refused for good. Raises ConsoleError when an end is not known."""
    refused: dict[str, str] = {}
    for name, value in found.items():  # in the lever's order: what most callers come through is first
        if name not in wanted or lever.settled(value, wanted[name]):
            continue
        try:
            work.record_step(action, "call", lever.turn(console, action.app_id, name, wanted[name]))
        except OutcomeUnknownError as error:
            work.record_step(action, "call without an answer", str(error))
            raise
        except _FOR_GOOD as error:
            work.record_step(action, "call refused", str(error))
            refused[name] = str(error)
    return refused


def _conclude(work: Work, lever: Lever, action: ActionRecord, found: dict[str, Any], not_taken: dict[str, str]) -> None:
    """Verified when everything that Dify took is there; what it refused for good is not held."""
    held = dict(action.held or {})
    taken = {name: found[name] for name in held if name in found and lever.settled(found[name], held[name])}
    missing = [name for name in held if name in found and name not in taken and name not in not_taken]
    if missing:
        try_later(work, action, f"not as it was set: {', '.join(missing)}")
        return
    now = work.clock()
    problem = "; ".join(not_taken.values())
    if not taken:
        work.end(action, "failed", "failed", problem, state="failed", answer=problem, held=None)
        return
    with work.connection.transaction():
        change(work.connection, action, state="applied", applied_at=now)
        work.record_step(action, "applied")
    names = ", ".join(_shown(name, value) for name, value in taken.items())
    detail = f"{names}; not: {problem}" if problem else names
    work.end(action, "verified", "applied", detail, state="verified", verified_at=now, looked_at=now, held=taken,
             answer=problem or None)  # fmt: skip


def try_later(work: Work, action: ActionRecord, answer: str) -> None:
    """Again later, or given up; what was closed by then stays on record, to be opened at the release."""
    action = work.try_again(action, answer)
    if action.attempts >= MAX_ATTEMPTS:
        work.end(action, "failed", "failed", answer, state="failed", answer=answer)


def look(work: Work, console: Console, lever: Lever, action: ActionRecord) -> None:
    """Whether what we hold is still so. Somebody who changed it by hand is respected: it is ours no more."""
    now = work.clock()
    try:
        found = lever.read(console, action.app_id)
    except NotFoundError as error:
        work.end(action, "released", "released", f"gone at Dify: {error}", state="released", released_at=now,
                 release_why="gone at Dify")  # fmt: skip
        return
    except ConsoleError as error:
        look_later(work, action, str(error))
        return
    held, before = dict(action.held or {}), action.before or {}
    ours = {name for name, value in held.items() if before.get(name) != value}
    by_hand = {name for name in ours if name in found and found[name] != held[name]}
    if not by_hand:
        change(work.connection, action, looked_at=now, answer=None)
        return
    left = {name: value for name, value in held.items() if name not in by_hand}
    detail = ", ".join(_shown(name, found[name]) for name in sorted(by_hand))
    if ours - by_hand:
        work.end(action, "opened by hand", "by_hand", detail, held=left, looked_at=now)
    else:
        work.end(action, "opened by hand", "by_hand", detail, state="released", released_at=now,
                 release_why="by hand at Dify", looked_at=now)  # fmt: skip


def look_later(work: Work, action: ActionRecord, problem: str) -> None:
    """It could not be looked at: `looked_at` stays, so that the check sees how long that is so."""
    every = timedelta(minutes=work.settings.enforcement.look_every_minutes)
    change(work.connection, action, next_attempt_at=work.clock() + every, answer=problem)
    work.problems.append(f"{action.action} {action.target_name}: {problem}")


def release(work: Work, console: Console, lever: Lever, action: ActionRecord) -> None:
    """Puts back what we changed, where it is still as we left it and nothing else holds it."""
    held, before = dict(action.held or {}), action.before or {}
    others = others_enforced(work.connection, action, lever.actions)
    kept = {name for other in others for name, value in (other.held or {}).items()
            if (other.before or {}).get(name) != value}  # fmt: skip
    mine = [name for name in held if before.get(name) != held[name] and name not in kept]
    try:
        found = lever.read(console, action.app_id)
        wanted = {name: lever.back(before[name], held[name]) for name in mine if found.get(name) == held[name]}
        not_taken = _turn_all(work, console, lever, action, found, wanted)
        found = lever.read(console, action.app_id) if wanted else found
    except NotFoundError as error:
        _released(work, action, f"gone at Dify: {error}")
        return
    except RefusedActionError as refused:
        release_later(work, action, str(refused), told_at=1)  # only people can change that
        return
    except ConsoleError as error:
        release_later(work, action, str(error))
        return
    open_yet = [name for name in wanted if name in found and not lever.settled(found[name], wanted[name])]
    if open_yet:
        release_later(work, action, "; ".join(not_taken.values()) or f"not as it was set: {', '.join(open_yet)}")
        return
    by_others = [n for n in mine if n not in wanted and n in found and not lever.settled(found[n], before[n])]
    parts = [", ".join(_shown(name, found.get(name)) for name in wanted)]
    parts += [f"left as somebody has set it: {', '.join(by_others)}"] if by_others else []
    parts += ["still held by " + ", ".join(other.action_id for other in others)] if kept else []
    _released(work, action, "; ".join(part for part in parts if part))


def _released(work: Work, action: ActionRecord, detail: str) -> None:
    said = f"{action.release_why or ''}: {detail}".strip(": ")
    work.end(action, "released", "released", said, state="released", released_at=work.clock(), answer=None)


def release_later(work: Work, action: ActionRecord, answer: str, told_at: int = MAX_ATTEMPTS) -> None:
    """Never given up: a project that we have paused must run again. People are told when it takes long."""
    action = work.try_again(action, answer)
    if action.attempts == told_at:
        with work.connection.transaction():
            tell(work.connection, work.settings, action, "release_failed", work.clock(), detail=answer)


def _shown(name: str, value: object) -> str:
    """A setting in words; of models, their names."""
    if isinstance(value, dict) and "models" in value:
        models = value["models"].values()
        return "model " + ", ".join(sorted({str(m.get("name") or m.get("model")) for m in models}))
    return f"{name} {value}"
