"""Sixty days of a company's Dify from a seed: its calls, and the true totals that they put in."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from usage_pipeline.fake_dify.callers import caller_for
from usage_pipeline.fake_dify.calls_basic import basic_call
from usage_pipeline.fake_dify.calls_workflow import single_step, workflow_call
from usage_pipeline.fake_dify.scripts import CallScript, TrueUnit
from usage_pipeline.fake_dify.world import FakeApp, World, build_world

RUNAWAY = "lead-enricher"
_CALLS_A_DAY = 8.0
_RUNAWAY_CALLS = 1_500
_RUNAWAY_HOURS = 2.5
_KEY_IN_THE_MAKING = timedelta(minutes=5)
# Node types that are there to call a model: an event each, also before they have used anything.
_ALWAYS_CALLS = ("llm", "question-classifier", "parameter-extractor", "agent")
KeyRule = tuple[str, str, str]  # project glob, caller glob, name of the key


@dataclass
class History:
    """A Dify's past (and what is under way), as calls."""

    world: World
    calls: list[CallScript]
    now: datetime

    @property
    def canaries(self) -> tuple[str, ...]:
        """Every secret and marker of a prompt or answer: none of them may leave Dify."""
        return tuple(self.world.canaries)

    def zone_of(self, tenant_id: str) -> str:
        """Returns the billing zone of a workspace."""
        return next(zone for known, zone in self.world.tenants.values() if known == tenant_id)

    def truth(self, until: datetime, key_rules: Sequence[KeyRule] = ()) -> list[TrueUnit]:
        """Returns every unit that Dify has logged by then, with the key that can be known."""
        return true_units(self.world, self.calls, until, key_rules)


def true_units(
    world: World, calls: Iterable[CallScript], until: datetime, key_rules: Sequence[KeyRule] = ()
) -> list[TrueUnit]:
    """Returns the units of some calls as they are logged by then."""
    apps = {app.app_id: app for app in world.apps.values()}
    units = (unit for call in calls for unit in call.truth(until))
    return [with_key(apps[unit.app_id], unit, key_rules) for unit in units if is_event(unit)]


def is_event(unit: TrueUnit) -> bool:
    """Whether the unit is a call of a model: nodes that only sometimes call one are none until they have tokens."""
    return unit.total_tokens > 0 or unit.node_type is None or unit.node_type in _ALWAYS_CALLS


def keys_alive(app: FakeApp, moment: datetime) -> list[str]:
    """Ids of the keys that may have been there; Dify rounds the time at which it made one to a second."""
    return [key_id for key_id, _, created in app.keys if created <= moment + timedelta(seconds=1)]


def with_key(app: FakeApp, unit: TrueUnit, key_rules: Sequence[KeyRule]) -> TrueUnit:
    """Returns the unit with the API key that can be known: the only one alive, or the one that a rule declares."""
    if unit.caller_kind != "api":
        return unit
    alive = keys_alive(app, unit.occurred_at)
    if len(alive) == 1:
        return replace(unit, api_key_id=alive[0], key_attribution="sole")
    for project, caller, name in key_rules:
        if fnmatchcase(app.name, project) and fnmatchcase(unit.caller_id or "", caller):
            return replace(unit, api_key_id=name, key_attribution="declared")
    return replace(unit, key_attribution="shared")


def build_history(
    seed: int, now: datetime, days: int = 60, calls_a_day: float = _CALLS_A_DAY, runaway_calls: int = _RUNAWAY_CALLS
) -> History:
    """Returns the same history for the same seed, moment and numbers; ``now`` is aware UTC."""
    rng = random.Random(seed)
    start = (now - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
    world = build_world(rng, start, lambda number: start + timedelta(days=number * days / 60))
    calls: list[CallScript] = []
    for app in world.apps.values():
        for moment in _moments(rng, app, world, start, now, calls_a_day):
            if not _key_is_being_made(app, moment):
                calls.append(one_call(world, rng, app, moment))
    calls += _runaway(world, rng, now, runaway_calls)
    return History(world, calls, now)


def _key_is_being_made(app: FakeApp, moment: datetime) -> bool:
    """Whether the app gets a key in the minutes to come: whose call it was would hang on a fraction of a second."""
    return any(timedelta(0) < created - moment < _KEY_IN_THE_MAKING for _, _, created in app.keys)


def _moments(
    rng: random.Random, app: FakeApp, world: World, start: datetime, now: datetime, calls_a_day: float
) -> Iterator[datetime]:
    """Times of calls: office hours of the workspace's zone, quieter at weekends, seldom at night."""
    zone = ZoneInfo(next(zone for known, zone in world.tenants.values() if known == app.tenant_id))
    hour = start
    while hour < now:
        local = hour.astimezone(zone)
        busy = 1.0 if 9 <= local.hour < 18 else 0.06
        expected = calls_a_day * app.weight / 9 * busy * (0.2 if local.weekday() >= 5 else 1.0)
        for _ in range(_poisson(rng, expected)):
            moment = hour + timedelta(seconds=rng.uniform(0, 3600))
            if moment < now:
                yield moment
        hour += timedelta(hours=1)


def _poisson(rng: random.Random, mean: float) -> int:
    count, left = 0, rng.expovariate(1.0)
    while left < mean:
        count += 1
        left += rng.expovariate(1.0)
    return count


def one_call(world: World, rng: random.Random, app: FakeApp, moment: datetime) -> CallScript:
    """A call of the app as it might be: mostly well, now and then failed, stopped, retried, late or never ended."""
    source = rng.choices(app.sources, [6] + [1] * (len(app.sources) - 1))[0]
    caller = caller_for(world, rng, app, source)
    # What never ends stays open: old ones are rare, as a killed worker is.
    late = timedelta(seconds=rng.uniform(5, 60)) if rng.random() < 0.03 else timedelta(0)
    if app.mode in ("workflow", "advanced-chat"):
        if source == "single-step":
            return single_step(world, rng, app, caller, moment, app.nodes[0])
        ending = rng.choices(
            ["done", "failed", "branch", "retry", "never", "stopped", "late_leaf"], [86, 4, 2, 3, 0.5, 2, 2]
        )[0]
        return workflow_call(world, rng, app, caller, moment, ending=ending, late=late)
    ending = rng.choices(["done", "error", "stopped", "annotation", "never"], [90, 4, 3, 2, 0.5])[0]
    tokens = (rng.randint(100, 3000), rng.randint(50, 900))
    return basic_call(world, rng, app, caller, moment, ending=ending, tokens=tokens, late=late)


def _runaway(world: World, rng: random.Random, now: datetime, number: int) -> list[CallScript]:
    """Today an agent calls itself in circles: its tokens of the day reach about three million."""
    app = world.apps[RUNAWAY]
    zone = ZoneInfo(next(zone for known, zone in world.tenants.values() if known == app.tenant_id))
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    # Of a day that has hardly begun, the first half of what there is.
    end = max(now - timedelta(seconds=20), midnight + (now - midnight) / 2)
    begin = max(midnight, end - timedelta(hours=_RUNAWAY_HOURS))
    caller = caller_for(world, rng, app, "api")
    calls = []
    for position in range(number):
        moment = begin + (end - begin) * position / number
        tokens = (rng.randint(1500, 2000), rng.randint(250, 350))
        calls.append(basic_call(world, rng, app, caller, moment, tokens=tokens))
    return calls
