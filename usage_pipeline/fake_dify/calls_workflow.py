"""Runs of workflows and chatflows: node rows, containers that repeat them, nested runs, failures, retries, totals."""

import json
import random
from dataclasses import replace
from datetime import datetime, timedelta

from usage_pipeline.fake_dify.callers import Caller, nested_caller
from usage_pipeline.fake_dify.calls_basic import message_row
from usage_pipeline.fake_dify.habits import DIFY_1_12, Habits
from usage_pipeline.fake_dify.model_nodes import MISHAPS, model_node, node_row
from usage_pipeline.fake_dify.run_play import RunPlay
from usage_pipeline.fake_dify.scripts import CallScript, RowWrite, RunScript, naive, whole_second
from usage_pipeline.fake_dify.world import FakeApp, Node, World, new_id

# lost_run: a log store swallowed the run's rows; late_run: the run's row comes after its nodes'; run_overwritten: the
# note of its start is applied after that of its end; paused: it waits for somebody and is resumed days later.
RUN_ENDINGS = ("done", *MISHAPS, "lost_run", "late_run", "run_overwritten", "paused")
_NODE_ORIGIN = {"rag-pipeline": "rag-pipeline-run"}
_RUN_TYPE = {"advanced-chat": "chat"}
_BEHIND = timedelta(seconds=40)


def workflow_call(
    world: World,
    rng: random.Random,
    app: FakeApp,
    caller: Caller,
    at: datetime,
    *,
    ending: str = "done",
    child_ending: str = "done",
    scale: float = 1.0,
    late: timedelta = timedelta(0),
    waits: timedelta = timedelta(days=3),
    habits: Habits = DIFY_1_12,
) -> CallScript:
    """One run of a workflow app or RAG pipeline, or one question to a chatflow with its run.

    ``at`` is the database's time; ``late``: how long after its own time each row is committed; ``waits``: how long a
    paused run waits; ``child_ending``: how workflows that it calls as tools end.
    """
    script = CallScript()
    message_id = None
    if app.mode == "advanced-chat":
        born = whole_second(at)
        message_id, message, conversation = message_row(world, rng, app, caller, born, chatflow=True)
        first = max(at, born) + late
        script.steps += [
            RowWrite(first, "conversations", str(conversation["id"]), conversation),
            RowWrite(first, "messages", message_id, message),
        ]
        at = max(at, born)
    _play(_run(world, rng, app, caller, script, at, ending, scale, late, habits, child_ending), message_id, waits)
    return script


def single_loop(
    world: World,
    rng: random.Random,
    app: FakeApp,
    caller: Caller,
    at: datetime,
    node: Node,
    *,
    ending: str = "done",
    habits: Habits = DIFY_1_12,
) -> CallScript:
    """One iteration or loop of a draft, tried by itself in the console: a run whose nodes say `single-step`."""
    script = CallScript()
    alone = replace(app, nodes=(node,))
    run = _run(world, rng, alone, caller, script, at, ending, 1.0, timedelta(0), habits, "done")
    run.origin = "single-step"
    _play(run, None, timedelta(0))
    return script


def _run(
    world: World, rng: random.Random, app: FakeApp, caller: Caller, script: CallScript, at: datetime, ending: str,
    scale: float, late: timedelta, habits: Habits, child_ending: str,
) -> RunPlay:  # fmt: skip
    run = RunPlay(world, rng, app, caller, script, new_id(rng), ending, scale, at + habits.app_clock, late, habits,
                  child_ending)  # fmt: skip
    run.origin = _NODE_ORIGIN.get(app.mode, "workflow-run")
    return run


def _play(run: RunPlay, message_id: str | None, waits: timedelta) -> tuple[int, datetime]:
    """Plays one run; returns the total that its row says and when it ended."""
    started = run.later(0.01, 0.05)
    _begin(run, started, message_id)
    moved = None
    for position, node in enumerate((Node("start", "start", "Start"), *run.app.nodes)):
        if run.ending == "paused" and position == len(run.app.nodes):
            moved = _pause(run, waits)
        _node(run, node, {})
        if run.faulty:
            break
    ended = run.later(0.01, 0.2)
    if run.ending == "lost_run":
        run.script.units[:] = [unit for unit in run.script.units if unit not in run.leaves]
        if message_id:
            run.script.lost_runs.append(run.run_id)
    elif run.ending == "never":
        run.script.runs.append(RunScript(None, 0, run.residual(started), run.leaves, run.nested))
    else:
        _end_run(run, started, ended, message_id, moved)
    return _said_total(run), ended


def _begin(run: RunPlay, started: datetime, message_id: str | None) -> None:
    at = run.committed(started)
    run.visible_from = at + _BEHIND if run.ending == "late_run" else at
    if run.ending == "lost_run":
        run.lose()
    else:
        run.write(run.visible_from, "workflow_runs", run.run_id, _run_row(run, started))
    if message_id:
        run.write(at, "messages", message_id, {"workflow_run_id": run.run_id})
    if run.app.mode == "workflow" and run.caller.created_from:
        run.write(run.seen(at), "workflow_app_logs", run.run_id, _app_log(run, started))


def _pause(run: RunPlay, waits: timedelta) -> datetime | None:
    """The run waits for somebody; returns the time of creation that an old Dify writes when it is resumed."""
    paused = run.later(0.01, 0.1)
    run.write(run.committed(paused), "workflow_runs", run.run_id, {"status": "paused", "total_tokens": run.tokens})
    run.clock += waits
    resumed = run.later(0.01, 0.1)
    moved = None if run.habits.keeps_created_at else resumed
    values: dict[str, object] = {"status": "running"} | ({"created_at": naive(resumed)} if moved else {})
    run.write(run.committed(resumed), "workflow_runs", run.run_id, values)
    # What happens after the pause is a matter of minutes again.
    run.clock += timedelta(minutes=run.rng.uniform(0, 5))
    return moved


def _run_row(run: RunPlay, started: datetime) -> dict[str, object]:
    return {
        "id": run.run_id, "tenant_id": run.app.tenant_id, "app_id": run.app.app_id, "workflow_id": run.workflow_id(),
        "type": _RUN_TYPE.get(run.app.mode, run.app.mode), "triggered_from": run.caller.triggered_from,
        "version": "draft" if run.is_draft() else "2026-01-05 08:00:00", "graph": "{}",
        "inputs": json.dumps({"query": run.rng.choice(run.world.canaries)}), "status": "running",
        "total_tokens": 0, "created_by_role": run.caller.role, "created_by": run.caller.creator,
        "created_at": naive(started),
    }  # fmt: skip


def _app_log(run: RunPlay, started: datetime) -> dict[str, object]:
    return {
        "id": new_id(run.rng), "tenant_id": run.app.tenant_id, "app_id": run.app.app_id,
        "workflow_id": run.app.workflow_id, "workflow_run_id": run.run_id, "created_from": run.caller.created_from,
        "created_by_role": run.caller.role, "created_by": run.caller.creator,
        "created_at": naive(whole_second(started)),
    }  # fmt: skip


def _said_total(run: RunPlay) -> int:
    """The total that the run's row says, by the version of Dify that writes it."""
    if run.habits.run_total == "zero":
        return 0
    return run.tokens + (run.containers if run.habits.run_total == "doubled" else 0)


def _end_run(
    run: RunPlay, started: datetime, ended: datetime, message_id: str | None, moved: datetime | None
) -> None:  # fmt: skip
    status = {"failed": "failed", "stopped": "stopped", "branch": "partial-succeeded"}.get(run.ending, "succeeded")
    at = run.seen(run.committed(ended))
    run.write(at, "workflow_runs", run.run_id, {
        "status": status, "total_tokens": _said_total(run), "finished_at": naive(ended), "total_steps": run.index,
        "elapsed_time": (ended - started).total_seconds(),
        "outputs": json.dumps({"text": run.rng.choice(run.world.canaries)}),
    })  # fmt: skip
    unit = replace(run.residual(started), status=status if status in ("failed", "stopped") else "succeeded")
    # What a doubled total says too much was never used; what a zero leaves out was never logged.
    total = 0 if run.habits.run_total == "zero" else run.tokens
    script = RunScript(at, total, unit, run.leaves, run.nested, moved_to=moved)
    run.script.runs.append(script)
    if run.ending == "run_overwritten":
        script.reopened_at = at + timedelta(seconds=2)
        values = {"status": "running", "total_tokens": 0, "finished_at": None}
        run.write(script.reopened_at, "workflow_runs", run.run_id, values)
    if run.caller.triggered_from in ("schedule", "webhook", "plugin"):
        _trigger_log(run, started, ended, status)
    if message_id:
        _answer(run, at, status, message_id)


def _answer(run: RunPlay, at: datetime, status: str, message_id: str) -> None:
    # The engine's usage counts containers and their children: a chatflow's message says too much.
    values: dict[str, object] = {"status": "error", "error": "run failed"} if status == "failed" else {
        "answer": f"Answer {run.rng.choice(run.world.canaries)}", "answer_tokens": 0, "currency": run.currency,
        "message_tokens": 0 if run.habits.run_total == "zero" else run.tokens + run.containers,
        "total_price": run.price + run.container_price,
    }  # fmt: skip
    run.write(at, "messages", message_id, values)


def _trigger_log(run: RunPlay, started: datetime, ended: datetime, status: str) -> None:
    run.write(run.committed(ended), "workflow_trigger_logs", run.run_id, {
        "id": new_id(run.rng), "tenant_id": run.app.tenant_id, "app_id": run.app.app_id,
        "workflow_id": run.app.workflow_id, "workflow_run_id": run.run_id, "root_node_id": "start",
        "trigger_metadata": "{}", "trigger_type": f"trigger-{run.caller.triggered_from}", "trigger_data": "{}",
        "inputs": "{}", "outputs": "{}", "status": status, "error": "", "queue_name": "q", "celery_task_id": "t",
        "created_by_role": run.caller.role, "created_by": run.caller.creator, "retry_count": 0, "elapsed_time": 1,
        "total_tokens": run.tokens, "created_at": naive(started), "triggered_at": naive(started),
        "finished_at": naive(ended),
    })  # fmt: skip


def _node(run: RunPlay, node: Node, inside: dict[str, object]) -> None:
    started = run.later(0.01, 0.1)
    row_id, row = node_row(run, node, started)
    run.write(run.committed(started), "workflow_node_executions", row_id, row)
    if node.children:
        _container(run, node, row_id, inside)
    elif node.calls:
        _workflow_tool(run, node, row_id, inside)
    elif node.model:
        model_node(run, node, row_id, started, inside)
    else:
        ended = run.later(0.01, 0.3)
        run.finish_node(row_id, ended, {"status": "succeeded", "execution_metadata": None, "outputs": "{}"})


def _container(run: RunPlay, node: Node, row_id: str, inside: dict[str, object]) -> None:
    before, price_before = run.tokens, run.price
    for position in range(node.rounds):
        for child in node.children:
            _node(run, child, {**inside, f"{node.kind}_id": node.node_id, f"{node.kind}_index": position})
            if run.faulty:
                return
    repeated, repeated_price = run.tokens - before, run.price - price_before
    run.containers += repeated
    run.container_price += repeated_price
    # 1.9.0 and 1.9.1 write what the run has used so far.
    said = run.tokens if run.habits.run_total == "zero" else repeated
    metadata = {"total_tokens": said, "total_price": run.habits.written_price(repeated_price),
                "currency": run.currency, **inside}  # fmt: skip
    ended = run.later(0.01, 0.1)
    run.finish_node(row_id, ended, {"status": "succeeded", "execution_metadata": json.dumps(metadata)})


def _workflow_tool(run: RunPlay, node: Node, row_id: str, inside: dict[str, object]) -> None:
    child_app = run.world.apps[str(node.calls)]
    caller = nested_caller(run.caller, child_app)
    ending = "lost_run" if run.ending == "lost_run" else run.child_ending
    at = run.later(0.01, 0.05) - run.habits.app_clock
    child = _run(run.world, run.rng, child_app, caller, run.script, at, ending, run.scale, run.late, run.habits, "done")
    child.called = True
    total, run.clock = _play(child, None, timedelta(0))
    metadata: dict[str, object] = {
        "tool_info": {"provider_type": "workflow", "provider_id": child_app.draft_id, "plugin_unique_identifier": None},
        **inside,
    }  # fmt: skip
    if run.habits.repeats_nested:
        run.tokens += total
        metadata |= {"total_tokens": total, "total_price": "0", "currency": "USD"}
    ended = run.later(0.01, 0.1)
    at = run.finish_node(row_id, ended, {"status": "succeeded", "execution_metadata": json.dumps(metadata)})
    if run.habits.repeats_nested:
        run.nested.append((run.seen(at), total))


def single_step(
    world: World, rng: random.Random, app: FakeApp, caller: Caller, at: datetime, node: Node, habits: Habits = DIFY_1_12
) -> CallScript:
    """One node of a draft, tried by itself in the console: a row without a run."""
    script = CallScript()
    run = RunPlay(world, rng, app, caller, script, "", "single", 1.0, at + habits.app_clock, timedelta(0), habits)
    run.origin = "single-step"
    started = run.later(0.01, 0.1)
    row_id, row = node_row(run, node, started)
    row |= {"workflow_run_id": None, "workflow_id": app.draft_id}
    run.write(run.committed(started), "workflow_node_executions", row_id, row)
    model_node(run, node, row_id, started, {})
    for unit in script.units:
        unit.versions[:] = [(at, replace(version, run_id=None)) for at, version in unit.versions]
    return script
