"""Runs of enforcement are killed at random moments, two at a time: rows and Dify agree again after the next whole run.

USAGE_PIPELINE_KILLS sets another number of kills, for a longer night; USAGE_PIPELINE_SEED repeats one.
"""

import os
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from usage_pipeline.configuration import active_configuration
from usage_pipeline.enforcement.carry_out import enforce
from usage_pipeline.warehouse.connection import connect
from usage_pipeline.warehouse.rows import value
from usage_pipeline_tests.enforcement.conftest import AGENT, SHORT, Place
from usage_pipeline_tests.support.worker_pool import killed, worker_pool

KILLS = int(os.environ.get("USAGE_PIPELINE_KILLS", "40"))
SEED = int(os.environ.get("USAGE_PIPELINE_SEED", "0")) or random.randrange(1, 10**6)
APPS = (AGENT, "brand-chat", "copywriter", "triage-flow")
UNTOUCHED = "support-bot"
BUDGETS = "\n".join(
    f"  - {{id: {name}, scope: {{project: {name}}}, period: day, limit: {{tokens: 5}}}}" for name in (*APPS, UNTOUCHED)
)


def enforce_as_worker(url: str, offset: float, config: str) -> None:
    """One run, by a clock that is so many seconds off."""
    connection = connect(url)
    found = active_configuration(connection, Path(config))
    enforce(connection, found.settings, found.version, by=f"worker {os.getpid()}", timeouts=SHORT,
            clock=lambda: datetime.now(UTC) + timedelta(seconds=offset))  # fmt: skip


def days(place: Place, dice: random.Random) -> Iterator[float]:
    """Goes from day to day, some projects spending too much on each; returns how far the clock is off."""
    started = datetime.now(UTC)
    while True:
        place.now += timedelta(days=1)
        for name in (*dice.sample(APPS, 2), UNTOUCHED):
            place.tokens_now(name, 10)
        place.evaluate()
        yield (place.now - started).total_seconds() + (started - datetime.now(UTC)).total_seconds()


def _until_somewhere_within(place: Place, dice: random.Random, whole: float, workers: list[int]) -> None:
    """A random moment of a run; every other time one shortly after it has begun to change something, if it does."""
    if dice.random() < 0.5:
        time.sleep(whole * dice.uniform(0.1, 0.9))
        return
    heard = len(place.changes())
    while len(place.changes()) == heard and any(_alive(pid) for pid in workers):
        time.sleep(0.002)
    time.sleep(dice.uniform(0, 0.03))


def test_whatever_is_killed_rows_and_dify_agree_after_the_next_run(place: Place) -> None:
    dice = random.Random(SEED)
    place.configure(limit=900_000_000, more=BUDGETS,
                    enforcement=f', most_actions_per_hour: 9999, never: [{{project: "{UNTOUCHED}"}}]')  # fmt: skip
    before = {name: place.doors(name) for name in (*APPS, UNTOUCHED)}
    kills = 0
    url, whole = place.company.warehouse_url, 0.0
    with worker_pool(__name__, "enforce_as_worker", str(place.config)) as born:
        for offset in days(place, dice):
            # A machine with other work lets few kills meet work: it then takes more of them.
            if kills >= KILLS and (interrupted(place) >= KILLS / 50 or kills >= 5 * KILLS):
                break
            if not whole:  # how long a run takes on this machine, with something to do
                began = time.monotonic()
                _wait_for([born.worker(url, offset)])
                whole = time.monotonic() - began
            for _ in range(dice.randint(1, 4)):
                workers = [born.worker(url, offset) for _ in range(2)]
                _until_somewhere_within(place, dice, whole, workers)
                kills += sum(killed(pid) for pid in workers)
    for _ in range(8):
        place.now += timedelta(minutes=11)
        place.enforce()
    unfinished = [
        a
        for a in place.actions()
        if a.state in ("approved", "applied") or (a.release_at and not a.released_at and a.held)
    ]
    assert unfinished == [], f"seed {SEED}"
    held = {a.target_name for a in place.actions(enforced_only=True)}
    assert held, f"seed {SEED}: the last day's projects are held"
    for name in APPS:
        expected = dict.fromkeys(before[name], False) if name in held else before[name]
        assert place.doors(name) == expected, f"seed {SEED}: {name} is {'held' if name in held else 'not held'}"
    assert place.doors(UNTOUCHED) == before[UNTOUCHED]
    touched = [path for path in place.changes() if place.app(UNTOUCHED) in path]
    assert touched == [], f"seed {SEED}"
    begun = [a for a in place.actions() if a.began_at]
    assert all(a.before == begun[-1].before or a.target_name != begun[-1].target_name for a in begun), f"seed {SEED}"
    assert interrupted(place) >= KILLS / 50, f"seed {SEED}: the kills must meet work"


def interrupted(place: Place) -> int:
    """How many actions one run had begun and another one brought to their end."""
    return value(
        place.warehouse,
        int,
        "SELECT count(*) FROM usage.enforcement_event p JOIN usage.enforcement_event v USING (action_id)"
        " WHERE p.kind = 'approved' AND v.kind = 'verified' AND p.run_id <> v.run_id",
    )


def test_two_runs_at_once_act_once(place: Place) -> None:
    place.configure(more=BUDGETS, enforcement=", most_actions_per_hour: 9999")
    for name in APPS:
        place.tokens_now(name, 10)
    place.evaluate()
    with worker_pool(__name__, "enforce_as_worker", str(place.config)) as born:
        workers = [born.worker(place.company.warehouse_url, 0.0) for _ in range(4)]
        _wait_for(workers)
    place.enforce()
    calls = place.changes()
    assert len(calls) == len(set(calls)), "each switch was turned once"
    twice = place.warehouse.execute(
        "SELECT budget_id, facts ->> 'what' FROM usage.alert WHERE kind = 'enforcement'"
        " GROUP BY 1, 2 HAVING count(*) > 1"
    ).fetchall()
    assert twice == [], "each step was told once"


def _wait_for(workers: list[int]) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and any(_alive(pid) for pid in workers):
        time.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
