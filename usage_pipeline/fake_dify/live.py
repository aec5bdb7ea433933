"""Goes on writing calls as a running Dify does: inserts with zeros, updates later, some late, some never."""

import random
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from usage_pipeline.fake_dify.history import History, one_call
from usage_pipeline.fake_dify.scripts import CallScript, RowWrite
from usage_pipeline.fake_dify.write import add_users, write_step
from usage_pipeline.warehouse.connection import connected


def write_live(
    url: str,
    history: History,
    seconds: float,
    *,
    calls_per_second: float = 3.0,
    seed: int = 7,
    stop: threading.Event | None = None,
) -> list[CallScript]:
    """Writes for so long, each step in its own transaction; then the rest of what is under way. Returns the calls.

    First catches up with the steps of ``history`` that were not committed when it was written.
    """
    rng = random.Random(seed)
    calls: list[CallScript] = []
    begun: set[tuple[str, str]] = set()
    begin, end = datetime.now(UTC), time.monotonic() + seconds
    waiting = [(step, call) for call in history.calls for step in call.steps if step.at > history.now]
    begun |= {(s.table, s.key) for call in history.calls for s in call.steps if s.at <= history.now}
    known = {user.user_id for user in history.world.users.values()}
    apps = list(history.world.apps.values())
    with connected(url) as connection:
        while time.monotonic() < end and not (stop and stop.is_set()):
            app = rng.choices(apps, [app.weight for app in apps])[0]
            moment = max(begin, datetime.now(UTC))
            call = one_call(history.world, rng, app, moment)
            calls.append(call)
            waiting += [(step, call) for step in call.steps]
            add_users(connection, history.world, known)
            for step in _due(waiting, datetime.now(UTC)):
                write_step(connection, step, insert=_is_new(begun, step))
            time.sleep(rng.expovariate(calls_per_second))
        for step in _due(waiting, datetime.now(UTC) + timedelta(days=1)):
            write_step(connection, step, insert=_is_new(begun, step))
    return calls


def _due(waiting: list[tuple[RowWrite, CallScript]], until: datetime) -> Iterator[RowWrite]:
    ready = sorted((step for step, _ in waiting if step.at <= until), key=lambda step: step.at)
    waiting[:] = [entry for entry in waiting if entry[0].at > until]
    yield from ready


def _is_new(begun: set[tuple[str, str]], step: RowWrite) -> bool:
    new = (step.table, step.key) not in begun
    begun.add((step.table, step.key))
    return new
