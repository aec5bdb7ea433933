"""What a plan holds, by name: so that a test can say that nothing has dropped out of the random histories."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from usage_pipeline.fake_dify.calls_basic import ENDINGS
from usage_pipeline.fake_dify.calls_workflow import RUN_ENDINGS
from usage_pipeline.fake_dify.scripts import CallScript, TrueUnit
from usage_pipeline_tests.support.histories.plans import CHILD_ENDINGS, OPERATIONS, VERSIONS, CallPlan, PassPlan, Plan
from usage_pipeline_tests.support.histories.small_world import APPS, ZONES, build_small_world, play_calls

EVERY_FEATURE = frozenset(
    [f"app {app}" for app in APPS]
    + [f"caller {kind}" for kind in ("api", "web_app", "explore", "debug", "mcp", "trigger", "nested", "console")]
    + ["caller indexing"]
    + [f"message {ending}" for ending in ENDINGS]
    + [f"run {ending}" for ending in RUN_ENDINGS]
    + [f"called workflow {ending}" for ending in CHILD_ENDINGS]
    + [f"version {version}" for version in VERSIONS]
    + [f"price {form}" for form in ("text", "number", "empty", "word", "not_a_number", "null")]
    + [f"operation {kind}" for kind in OPERATIONS]
    + [f"zone {zone}" for zone in ZONES]
    + [f"currency {currency}" for currency in ("USD", "CNY", None)]
    + [f"status {status}" for status in ("succeeded", "failed", "stopped", "running")]
    + ["single step", "single loop", "usage nowhere", "clock ahead", "late by hours", "entry not named", "residual",
       "three runs deep", "a 23 hour day", "a 25 hour day", "a run paused over a week", "moved to another day",
       "pass without sweep", "pass without roll-up", "pass killed", "pass lost its source", "pass of small windows",
       "no pass before the end", "several keys", "unpriced"]
)  # fmt: skip


def features(plan: Plan) -> set[str]:
    """The names of what the plan holds."""
    world = build_small_world(plan)
    scripts = play_calls(world, plan)
    found = {f"operation {operation.kind}" for operation in plan.operations} | {f"zone {zone}" for zone in plan.zones}
    found |= {name for one in plan.passes for name in _of_pass(one)}
    found |= {name for one in plan.calls for name in _of_call(one)}
    zones = {tenant_id: ZoneInfo(zone) for tenant_id, zone in world.tenants.values()}
    for script in scripts:
        found |= set(_of_script(script, zones))
    if not plan.passes:
        found.add("no pass before the end")
    if any(len(app.keys) > 1 for app in world.apps.values()):
        found.add("several keys")
    return found


def _of_pass(one: PassPlan) -> Iterator[str]:
    if not one.sweep:
        yield "pass without sweep"
    if not one.roll_up:
        yield "pass without roll-up"
    if one.dies_at:
        yield "pass killed"
    if one.source_dies_at:
        yield "pass lost its source"
    if one.rows_a_window:
        yield "pass of small windows"


def _of_call(call: CallPlan) -> Iterator[str]:
    nodes = APPS[call.app].nodes
    yield f"app {call.app}"
    if call.late >= timedelta(hours=4):
        yield "late by hours"
    if call.nameless_entry:
        yield "entry not named"
    if call.source.startswith("single"):
        yield call.source.replace("-", " ")
    elif nodes:
        yield f"run {call.ending}"
        if any(node.calls for node in nodes):
            yield f"called workflow {call.child_ending}"
        if call.ending == "paused" and call.waits > timedelta(days=7):
            yield "a run paused over a week"
    else:
        yield f"message {call.ending}"
    if nodes:
        yield f"version {call.version}"
        yield f"price {call.habits.price}"
        if call.habits.usage_in == "nowhere":
            yield "usage nowhere"
        if call.habits.app_clock:
            yield "clock ahead"


def _of_script(script: CallScript, zones: dict[str, ZoneInfo]) -> Iterator[str]:
    if len(script.runs) >= 3:
        yield "three runs deep"
    if any(run.as_of(run.ended_at) for run in script.runs if run.ended_at):
        yield "residual"
    for versions in (unit.versions for unit in script.units):
        days = {_day(version, zones) for _, version in versions}
        if len(days) > 1:
            yield "moved to another day"
        for _, unit in versions:
            yield from _of_unit(unit, zones[unit.tenant_id])


def _of_unit(unit: TrueUnit, zone: ZoneInfo) -> Iterator[str]:
    yield f"caller {unit.caller_kind}"
    yield f"currency {unit.currency}"
    yield f"status {unit.status}"
    if unit.cost is None:
        yield "unpriced"
    local = unit.occurred_at.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    hours = (_utc(midnight + timedelta(days=1)) - _utc(midnight)) / timedelta(hours=1)
    if hours in (23, 25):
        yield f"a {hours:.0f} hour day"


def _day(unit: TrueUnit, zones: dict[str, ZoneInfo]) -> object:
    return unit.occurred_at.astimezone(zones[unit.tenant_id]).date()


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo("UTC"))
