"""A small company that has every kind of app, and the calls that a plan asks of it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from usage_pipeline.fake_dify.callers import caller_for
from usage_pipeline.fake_dify.calls_basic import basic_call
from usage_pipeline.fake_dify.calls_workflow import single_loop, single_step, workflow_call
from usage_pipeline.fake_dify.model_nodes import MISHAPS
from usage_pipeline.fake_dify.scripts import CallScript
from usage_pipeline.fake_dify.world import FakeApp, Node, World, new_id

if TYPE_CHECKING:
    from usage_pipeline_tests.support.histories.plans import CallPlan, Plan

ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
STARTED_BEFORE = timedelta(days=6)
_BASIC = ("api", "web", "explore", "debug", "mcp", "openapi")
_FLOW = ("api", "web", "explore", "debug", "schedule", "webhook", "plugin", "openapi", "single-step", "single-loop")


@dataclass(frozen=True)
class AppSpec:
    """An app of the company."""

    mode: str
    model: str
    sources: tuple[str, ...]
    nodes: tuple[Node, ...] = ()
    tags: tuple[str, ...] = ()


def _llm(node_id: str, model: str, kind: str = "llm") -> Node:
    return Node(node_id, kind, node_id.title(), model)


def _each(child: Node, rounds: int, kind: str = "iteration") -> Node:
    return Node(f"{kind}-{child.node_id}", kind, "Each", None, (child,), rounds)


APPS = {
    "words": AppSpec("completion", "gpt-4o", _BASIC),
    "talk": AppSpec("chat", "qwen-max", _BASIC, tags=("dev",)),
    "talk-local": AppSpec("chat", "qwen3-32b-local", _BASIC),
    "talk-in-house-test": AppSpec("chat", "in-house-7b", _BASIC),
    "helper": AppSpec("agent-chat", "gpt-4o", _BASIC),
    "flow": AppSpec("workflow", "qwen-plus", _FLOW, (_llm("plan", "qwen-plus"), _each(_llm("part", "qwen-plus"), 1))),
    "flow-local": AppSpec("workflow", "in-house-7b", _FLOW, (
        _each(_llm("first", "qwen3-32b-local"), 2), _llm("then", "in-house-7b"))),
    "deep": AppSpec("workflow", "qwen-plus", _FLOW, (
        _each(_each(_llm("turn", "qwen-plus"), 2), 2, "loop"), _llm("sum", "qwen-max"),
        Node("call", "tool", "Call", calls="middle"))),
    "middle": AppSpec("workflow", "qwen-plus", ("api",), (
        _llm("half", "qwen-plus"), Node("call", "tool", "Call", calls="inner"))),
    "inner": AppSpec("workflow", "qwen-max", ("api", "web"), (_llm("core", "qwen-max"),)),
    "looped-call": AppSpec("workflow", "qwen-max", ("api",), (
        _each(Node("call", "tool", "Call", calls="inner"), 2, "loop"), _llm("end", "qwen-max"))),
    "odd": AppSpec("workflow", "qwen-max", _FLOW, (
        _llm("extract", "qwen-max", "parameter-extractor"), _llm("plugin", "qwen-plus", "tool"),
        _llm("dream", "qwen-max", "dream"))),
    "ask": AppSpec("advanced-chat", "gpt-4o-mini", ("api", "web", "explore", "debug", "mcp", "single-step"), (
        _llm("route", "gpt-4o-mini", "question-classifier"), _llm("facts", "qwen-plus", "knowledge-retrieval"),
        _each(_llm("evaluate", "deepseek-chat"), 2, "loop"), _llm("research", "gpt-4o", "agent"))),
    "ask-deep": AppSpec("advanced-chat", "qwen-max", ("api", "web"), (
        Node("call", "tool", "Call", calls="middle"), _each(_llm("reply", "qwen-max"), 1))),
    "library": AppSpec("rag-pipeline", "qwen-plus", ("pipeline", "pipeline-debug"), (
        _llm("chunk", "qwen-plus"), _llm("tag", "qwen-plus"))),
}  # fmt: skip
# Apps all of whose models (and whose called workflows' models) stand in no catalogue of list prices.
CHEAP = (
    "talk",
    "talk-local",
    "talk-in-house-test",
    "flow",
    "flow-local",
    "deep",
    "middle",
    "inner",
    "looped-call",
    "odd",
    "ask-deep",
    "library",
)


def build_small_world(plan: "Plan") -> World:
    """The company before its first call: each app in the next workspace, keys as the plan says."""
    rng = random.Random(11)
    world = World(plan.moment - STARTED_BEFORE)
    for zone in plan.zones:
        world.tenants[zone] = (new_id(rng), zone)
    for email in ("li.na@example.com", "jonas@example.com"):
        world.accounts[email] = new_id(rng)
    tenants = [tenant for tenant, _ in world.tenants.values()]
    for position, (name, spec) in enumerate(APPS.items()):
        app = FakeApp(new_id(rng), tenants[position % len(tenants)], name, spec.mode, spec.model, tags=spec.tags,
                  nodes=spec.nodes, sources=spec.sources)  # fmt: skip
        app.workflow_id, app.draft_id = new_id(rng), new_id(rng)
        world.apps[name] = app
    names = list(APPS)
    for number, (position, created) in enumerate(plan.keys):
        key = (new_id(rng), f"app-{number:024d}", plan.moment + created)
        world.apps[names[position]].keys.append(key)
    world.canaries.append("planted-text")
    return world


def play_calls(world: World, plan: "Plan") -> list[CallScript]:
    """The plan's calls, in its order."""
    return [_play(world, plan.moment, call, number) for number, call in enumerate(plan.calls)]


def _play(world: World, moment: datetime, call: "CallPlan", number: int) -> CallScript:
    rng = random.Random(f"{number} {call.seed}")  # two calls of one seed are still two calls
    app, at = world.apps[call.app], moment + call.at + timedelta(microseconds=call.seed % 1_000_000)
    if call.at_midnight:
        zone = next(zone for tenant_id, zone in world.tenants.values() if tenant_id == app.tenant_id)
        at = _next_midnight(at, zone) - timedelta(
            seconds=(call.seed % 8) * call.habits.pace, microseconds=call.seed % 1_000_000
        )
    source = "debug" if call.source.startswith("single-") else call.source
    caller = caller_for(world, rng, app, source)
    ending = call.ending if call.ending in MISHAPS else "done"
    if call.source == "single-step" and app.nodes[0].model:
        return single_step(world, rng, app, caller, at, app.nodes[0], call.habits)
    if call.source.startswith("single-"):
        loop = _container_of(app.nodes)
        return single_loop(world, rng, app, caller, at, loop, ending=ending, habits=call.habits)
    if app.nodes:
        return workflow_call(
            world, rng, app, caller, at, ending=call.ending, child_ending=call.child_ending, late=call.late,
            waits=call.waits, habits=call.habits,
        )  # fmt: skip
    if call.nameless_entry:
        caller = replace(caller, invoke_from=None, kind="console" if caller.account_id else caller.kind)
    tokens = (rng.randint(100, 3000), rng.randint(50, 900))
    return basic_call(world, rng, app, caller, at, ending=call.ending, tokens=tokens, late=call.late)


def _container_of(nodes: Sequence[Node]) -> Node:
    found = next((node for node in nodes if node.children), None)
    return found or _each(next(node for node in nodes if node.model), 2)


def _next_midnight(moment: datetime, zone: str) -> datetime:
    local = moment.astimezone(ZoneInfo(zone)) + timedelta(days=1)
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
