"""Runs of workflows and chatflows: node rows, containers that repeat them, nested runs, failures, retries, totals."""

import json
import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from usage_pipeline.demo.callers import Caller, nested_caller
from usage_pipeline.demo.calls_basic import message_row
from usage_pipeline.demo.scripts import CallScript, RunScript, Step, TrueUnit, UnitScript, naive, whole_second
from usage_pipeline.demo.world import MODELS, App, Node, World, new_id

RUN_ENDINGS = ("done", "failed", "branch", "retry", "never", "stopped", "late_leaf")
_EMPTY = json.dumps({"iteration_id": None, "loop_id": None})


@dataclass
class _Run:
    """A run being played through."""

    world: World
    rng: random.Random
    app: App
    caller: Caller
    script: CallScript
    run_id: str
    ending: str
    scale: float
    clock: datetime
    late: timedelta
    index: int = 0
    tokens: int = 0
    price: Decimal = Decimal(0)
    currency: str = "USD"
    containers: int = 0
    container_price: Decimal = Decimal(0)
    leaves: list[UnitScript] = field(default_factory=list)
    nested: list[tuple[datetime, int]] = field(default_factory=list)
    faulty: bool = False
    called: bool = False
    quirk: str = ""

    @property
    def total(self) -> int:
        """What the run's own row says."""
        return 0 if self.quirk == "zeros" else self.tokens + (self.containers if self.quirk == "doubled" else 0)

    @property
    def nodes_from(self) -> str:
        """Dify's word for where node executions come from."""
        return "rag-pipeline-run" if self.app.mode == "rag-pipeline" else "workflow-run"

    @property
    def draft(self) -> bool:
        """Debugged in the console; what it calls as a tool is the published version all the same."""
        return self.caller.triggered_from == "debugging" and not self.called

    def later(self, low: float, high: float) -> datetime:
        self.clock += timedelta(seconds=self.rng.uniform(low, high))
        return self.clock


def workflow_call(
    world: World,
    rng: random.Random,
    app: App,
    caller: Caller,
    at: datetime,
    *,
    ending: str = "done",
    scale: float = 1.0,
    late: timedelta = timedelta(0),
    quirk: str = "",
) -> CallScript:
    """One run of a workflow app or a RAG pipeline, or one question to a chatflow with its run.

    ``quirk`` is what a version of Dify gets wrong: "zeros" as 1.9.0 does (the run's total stays 0, containers repeat
    all that came before them), "doubled" as 1.9.2 does (the run's total holds its containers once more).
    """
    script = CallScript()
    message_id = None
    if app.mode == "advanced-chat":
        born = whole_second(at)
        message_id, message, conversation = message_row(world, rng, app, caller, born, chatflow=True)
        first = max(at, born) + late
        script.steps += [
            Step(first, "conversations", str(conversation["id"]), conversation),
            Step(first, "messages", message_id, message),
        ]
        at = max(at, born)
    _play(world, rng, app, caller, script, at, ending, scale, late, message_id, quirk=quirk)
    return script


def _play(
    world: World, rng: random.Random, app: App, caller: Caller, script: CallScript, at: datetime, ending: str,
    scale: float, late: timedelta, message_id: str | None, *, called: bool = False,
    quirk: str = "",
) -> tuple[int, datetime]:  # fmt: skip
    """Plays one run; gives its total and when it ended."""
    run = _Run(world, rng, app, caller, script, new_id(rng), ending, scale, at, late, called=called, quirk=quirk)
    started = run.later(0.01, 0.05)
    script.steps.append(Step(started + late, "workflow_runs", run.run_id, _run_row(run, started)))
    if message_id:
        script.steps.append(Step(started + late, "messages", message_id, {"workflow_run_id": run.run_id}))
    if app.mode == "workflow" and caller.created_from:
        script.steps.append(Step(started + late, "workflow_app_logs", run.run_id, _app_log(run, started)))
    for node in (Node("start", "start", "Start"), *app.nodes):
        _node(run, node, {})
        if run.faulty:
            break
    ended = run.later(0.01, 0.2)
    if ending == "never":
        residual = _unit_of(run, started)
        script.runs.append(RunScript(None, 0, residual, run.leaves, run.nested))
        return run.tokens, ended
    _end_run(run, started, ended, message_id)
    return run.tokens, ended


def _run_row(run: _Run, started: datetime) -> dict[str, object]:
    return {
        "id": run.run_id, "tenant_id": run.app.tenant_id, "app_id": run.app.app_id,
        "workflow_id": run.app.draft_id if run.draft else run.app.workflow_id,
        "type": {"advanced-chat": "chat"}.get(run.app.mode, run.app.mode),
        "triggered_from": run.caller.triggered_from, "version": "draft" if run.draft else "2026-01-05 08:00:00",
        "graph": "{}", "inputs": json.dumps({"query": run.rng.choice(run.world.planted)}), "status": "running",
        "total_tokens": 0, "created_by_role": run.caller.role, "created_by": run.caller.creator,
        "created_at": naive(started),
    }  # fmt: skip


def _app_log(run: _Run, started: datetime) -> dict[str, object]:
    return {
        "id": new_id(run.rng), "tenant_id": run.app.tenant_id, "app_id": run.app.app_id,
        "workflow_id": run.app.workflow_id, "workflow_run_id": run.run_id, "created_from": run.caller.created_from,
        "created_by_role": run.caller.role, "created_by": run.caller.creator,
        "created_at": naive(whole_second(started)),
    }  # fmt: skip


def _end_run(run: _Run, started: datetime, ended: datetime, message_id: str | None) -> None:
    status = {"failed": "failed", "stopped": "stopped", "branch": "partial-succeeded"}.get(run.ending, "succeeded")
    run.script.steps.append(Step(ended + run.late, "workflow_runs", run.run_id, {
        "status": status, "total_tokens": run.total, "finished_at": naive(ended), "total_steps": run.index,
        "elapsed_time": (ended - started).total_seconds(),
        "outputs": json.dumps({"text": run.rng.choice(run.world.planted)}),
    }))  # fmt: skip
    unit = replace(_unit_of(run, started), status=status if status in ("failed", "stopped") else "succeeded")
    known = 0 if run.quirk == "zeros" else run.tokens
    run.script.runs.append(RunScript(ended + run.late, known, unit, run.leaves, run.nested))
    if run.caller.triggered_from in ("schedule", "webhook"):
        _trigger_log(run, started, ended, status)
    if message_id:
        # The engine's usage counts containers and their children: a chatflow's message says too much.
        values: dict[str, object] = {"status": "error", "error": "run failed"} if status == "failed" else {
            "answer": f"Answer {run.rng.choice(run.world.planted)}", "message_tokens": run.tokens + run.containers,
            "answer_tokens": 0, "total_price": run.price + run.container_price, "currency": run.currency,
        }  # fmt: skip
        run.script.steps.append(Step(ended + run.late, "messages", message_id, values))


def _trigger_log(run: _Run, started: datetime, ended: datetime, status: str) -> None:
    run.script.steps.append(Step(ended + run.late, "workflow_trigger_logs", run.run_id, {
        "id": new_id(run.rng), "tenant_id": run.app.tenant_id, "app_id": run.app.app_id,
        "workflow_id": run.app.workflow_id, "workflow_run_id": run.run_id, "root_node_id": "start",
        "trigger_metadata": "{}", "trigger_type": f"trigger-{run.caller.triggered_from}", "trigger_data": "{}",
        "inputs": "{}", "outputs": "{}", "status": status, "error": "", "queue_name": "q", "celery_task_id": "t",
        "created_by_role": run.caller.role, "created_by": run.caller.creator, "retry_count": 0, "elapsed_time": 1,
        "total_tokens": run.tokens, "created_at": naive(started), "triggered_at": naive(started),
        "finished_at": naive(ended),
    }))  # fmt: skip


def _unit_of(run: _Run, started: datetime) -> TrueUnit:
    """The residual of the run, without tokens yet."""
    return TrueUnit(
        event_id=f"residual:{run.run_id}", tenant_id=run.app.tenant_id, app_id=run.app.app_id, app_mode=run.app.mode,
        run_id=run.run_id, node_id=None, node_type=None, caller_kind=run.caller.kind, caller_id=run.caller.caller_id,
        provider=None, model=None, input_tokens=0, output_tokens=0, total_tokens=0, cost=None, currency=None,
        status="succeeded", occurred_at=started,
    )  # fmt: skip


def _node_row(run: _Run, node: Node, started: datetime) -> tuple[str, dict[str, object]]:
    run.index += 1
    row_id = new_id(run.rng)
    return row_id, {
        "id": row_id, "tenant_id": run.app.tenant_id, "app_id": run.app.app_id,
        "workflow_id": run.app.draft_id if run.draft else run.app.workflow_id, "triggered_from": run.nodes_from,
        "workflow_run_id": run.run_id, "index": run.index, "node_id": node.node_id, "node_type": node.kind,
        "title": node.title, "status": "running", "node_execution_id": row_id,
        "inputs": json.dumps({"prompt": run.rng.choice(run.world.planted)}),
        "execution_metadata": _EMPTY, "created_by_role": run.caller.role, "created_by": run.caller.creator,
        "created_at": naive(started),
    }  # fmt: skip


def _node(run: _Run, node: Node, inside: dict[str, object]) -> None:
    started = run.later(0.01, 0.1)
    row_id, row = _node_row(run, node, started)
    run.script.steps.append(Step(started + run.late, "workflow_node_executions", row_id, row))
    if node.children:
        _container(run, node, row_id)
    elif node.calls:
        _workflow_tool(run, node, row_id)
    elif node.model:
        _model_node(run, node, row_id, started, inside)
    else:
        ended = run.later(0.01, 0.3)
        _finish_row(run, row_id, ended, {"status": "succeeded", "execution_metadata": None, "outputs": "{}"})


def _finish_row(run: _Run, row_id: str, ended: datetime, values: dict[str, object]) -> datetime:
    at = ended + run.late
    run.script.steps.append(
        Step(at, "workflow_node_executions", row_id, {"finished_at": naive(ended), "elapsed_time": 0.5, **values})
    )
    return at


def _container(run: _Run, node: Node, row_id: str) -> None:
    before, price_before = run.tokens, run.price
    for position in range(node.rounds):
        for child in node.children:
            _node(run, child, {f"{node.kind}_id": node.node_id, f"{node.kind}_index": position})
            if run.faulty:
                return
    repeated, repeated_price = run.tokens - before, run.price - price_before
    run.containers += repeated
    run.container_price += repeated_price
    shown = run.tokens if run.quirk == "zeros" else repeated
    metadata = {"total_tokens": shown, "total_price": str(repeated_price), "currency": run.currency}
    ended = run.later(0.01, 0.1)
    _finish_row(run, row_id, ended, {"status": "succeeded", "execution_metadata": json.dumps(metadata)})


def _workflow_tool(run: _Run, node: Node, row_id: str) -> None:
    child = run.world.apps[str(node.calls)]
    caller = nested_caller(run.caller, child)
    total, ended = _play(
        run.world, run.rng, child, caller, run.script, run.later(0.01, 0.05), "done", run.scale, run.late, None,
        called=True, quirk=run.quirk,
    )  # fmt: skip
    run.clock = ended
    run.tokens += total
    metadata = {
        "tool_info": {"provider_type": "workflow", "provider_id": child.draft_id, "plugin_unique_identifier": None},
        "total_tokens": total, "total_price": "0", "currency": "USD",
    }  # fmt: skip
    at = _finish_row(
        run, row_id, run.later(0.01, 0.1), {"status": "succeeded", "execution_metadata": json.dumps(metadata)}
    )
    run.nested.append((at, total))


def _usage(node: Node, tokens: tuple[int, int]) -> dict[str, object]:
    model = MODELS[str(node.model)]
    unit = str(model.unit)
    return {
        "prompt_tokens": tokens[0], "prompt_unit_price": str(model.input_price), "prompt_price_unit": unit,
        "prompt_price": str(model.cost(tokens[0], 0)), "completion_tokens": tokens[1],
        "completion_unit_price": str(model.output_price), "completion_price_unit": unit,
        "completion_price": str(model.cost(0, tokens[1])), "total_tokens": sum(tokens),
        "total_price": str(model.cost(*tokens)), "currency": model.currency, "latency": 1.2,
    }  # fmt: skip


def _model_node(run: _Run, node: Node, row_id: str, started: datetime, inside: dict[str, object]) -> None:
    model = MODELS[str(node.model)]
    script = UnitScript([(started + run.late, _leaf(run, node, row_id, started))])
    run.leaves.append(script)
    run.script.units.append(script)
    seldom = node.kind == "knowledge-retrieval" and run.rng.random() < 0.8
    tokens = (0, 0) if seldom else _some_tokens(run)
    last = node is run.app.nodes[-1] or node in run.app.nodes[-1].children
    ended = run.later(0.3, 4)
    if run.ending == "never" and last:
        run.faulty = True
        return
    usage = _usage(node, tokens)
    process = {"model_mode": "chat", "prompts": [{"role": "user", "text": run.rng.choice(run.world.planted)}],
               "usage": usage, "finish_reason": "stop"}  # fmt: skip
    if node.kind not in ("agent", "knowledge-retrieval"):
        process |= {"model_provider": model.provider_id, "model_name": model.name}
    outputs: dict[str, object] = {"text": run.rng.choice(run.world.planted)}
    values: dict[str, object] = {"status": "succeeded", "outputs": json.dumps(outputs),
                                 "process_data": json.dumps(process)}  # fmt: skip
    metadata: dict[str, object] = {"total_tokens": sum(tokens), "total_price": str(model.cost(*tokens)),
                                   "currency": model.currency, **inside}  # fmt: skip
    counted = tokens
    status = "succeeded"
    if node.kind == "agent":
        values |= {"process_data": None, "outputs": json.dumps({**outputs, "usage": usage})}
    if last and run.ending == "failed":
        # The failing call's usage is known to the run alone.
        values |= {"status": "failed", "error": "boom", "process_data": json.dumps({"model_provider": model.provider_id,
                   "model_name": model.name}), "outputs": None}  # fmt: skip
        metadata, counted, status, run.faulty = {}, (0, 0), "failed", True
    elif last and run.ending == "stopped":
        values |= {"status": "stopped"}
        status, run.faulty = "stopped", True
    elif last and run.ending == "branch":
        values |= {"status": "exception"}
        metadata, status = {"error_strategy": "default-value"}, "failed"
    elif last and run.ending == "retry":
        run.tokens += 2 * sum(tokens)
    run.tokens += sum(tokens)
    run.price += model.cost(*tokens)
    run.currency = model.currency
    values["execution_metadata"] = json.dumps(metadata) if metadata else None
    late = timedelta(seconds=run.rng.uniform(20, 60)) if run.ending == "late_leaf" and last else timedelta(0)
    at = _finish_row(run, row_id, ended + late, values) if late else _finish_row(run, row_id, ended, values)
    script.versions.append((at, _counted(script.versions[0][1], node, counted, status, bool(metadata))))


def _some_tokens(run: _Run) -> tuple[int, int]:
    return int(run.rng.randint(80, 1500) * run.scale) + 1, int(run.rng.randint(20, 600) * run.scale) + 1


def _leaf(run: _Run, node: Node, row_id: str, started: datetime) -> TrueUnit:
    model = MODELS[str(node.model)]
    configured = node.kind in ("agent", "knowledge-retrieval")
    return TrueUnit(
        event_id=f"node:{row_id}", tenant_id=run.app.tenant_id, app_id=run.app.app_id, app_mode=run.app.mode,
        run_id=run.run_id, node_id=node.node_id, node_type=node.kind, caller_kind=run.caller.kind,
        caller_id=run.caller.caller_id, provider=model.provider if configured else None,
        model=model.name if configured else None, input_tokens=0, output_tokens=0, total_tokens=0, cost=Decimal(0),
        currency=None, status="running", occurred_at=started,
    )  # fmt: skip


def _counted(unit: TrueUnit, node: Node, tokens: tuple[int, int], status: str, metadata: bool) -> TrueUnit:
    model = MODELS[str(node.model)]
    total = sum(tokens)
    cost = model.cost(*tokens)
    known = bool(total) or metadata
    currency = "CNY" if model.currency == "RMB" else model.currency
    return replace(
        unit, provider=model.provider, model=model.name, input_tokens=tokens[0], output_tokens=tokens[1],
        total_tokens=total, cost=cost if cost or not total else None, currency=currency if known else None,
        status=status,
    )  # fmt: skip


def single_step(world: World, rng: random.Random, app: App, caller: Caller, at: datetime, node: Node) -> CallScript:
    """One node of a draft, tried by itself in the console: a row without a run."""
    script = CallScript()
    run = _Run(world, rng, app, caller, script, "", "single", 1.0, at, timedelta(0))
    started = run.later(0.01, 0.1)
    row_id, row = _node_row(run, node, started)
    row |= {"workflow_run_id": None, "triggered_from": "single-step", "workflow_id": app.draft_id}
    script.steps.append(Step(started, "workflow_node_executions", row_id, row))
    run.run_id = ""
    _model_node(run, node, row_id, started, {})
    for unit in script.units:
        unit.versions[:] = [(at, replace(version, run_id=None)) for at, version in unit.versions]
    return script
