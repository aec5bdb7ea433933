"""Nodes that call a model: their rows, their JSON, and what they truly used, for every way a call can end."""

import json
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from usage_pipeline.fake_dify.run_play import RunPlay
from usage_pipeline.fake_dify.scripts import TrueUnit, UnitScript, naive
from usage_pipeline.fake_dify.world import MODELS, Node, new_id

# What may become of a run's last model node, beside going well.
MISHAPS = ("failed", "stopped", "branch", "retry", "never", "late_leaf", "overwritten", "broken_json", "truncated")
KNOWN_KINDS = ("llm", "question-classifier", "parameter-extractor", "knowledge-retrieval", "agent", "tool")
NO_CONTAINER = json.dumps({"iteration_id": None, "loop_id": None})
_MODEL_IN_GRAPH = ("agent", "knowledge-retrieval")
_ATTEMPTS = 3


def node_row(run: RunPlay, node: Node, started: datetime) -> tuple[str, dict[str, object]]:
    """Id and columns of a node's row as it is inserted."""
    run.index += 1
    row_id = new_id(run.rng)
    return row_id, {
        "id": row_id, "tenant_id": run.app.tenant_id, "app_id": run.app.app_id, "workflow_id": run.workflow_id(),
        "triggered_from": run.origin, "workflow_run_id": run.run_id, "index": run.index, "node_id": node.node_id,
        "node_type": node.kind, "title": node.title, "status": "running",
        "node_execution_id": _execution_id(run, row_id),
        "inputs": json.dumps({"prompt": run.rng.choice(run.world.canaries)}),
        "execution_metadata": NO_CONTAINER, "created_by_role": run.caller.role, "created_by": run.caller.creator,
        "created_at": naive(started),
    }  # fmt: skip


def _execution_id(run: RunPlay, row_id: str) -> str:
    """An id beside the row's own, up to 1.8; rows of one node's attempts share it."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, row_id)) if run.habits.retries_in_rows else row_id


def model_node(run: RunPlay, node: Node, row_id: str, started: datetime, inside: dict[str, object]) -> None:
    """Plays a node that calls a model; its row stands in the script already."""
    script = UnitScript([(run.seen(run.committed(started)), _leaf(run, node, row_id, started))])
    run.leaves.append(script)
    run.script.units.append(script)
    seldom = node.kind == "knowledge-retrieval" and run.rng.random() < 0.8
    tokens = (0, 0) if seldom else _some_tokens(run)
    last = node is run.app.nodes[-1] or node in run.app.nodes[-1].children
    ended = run.later(0.3, 4)
    mishap = run.ending if last and run.ending in MISHAPS else None
    if mishap == "never":
        run.faulty = True
        return
    written = _Written(run, node, tokens, inside)
    if mishap:
        _suffer(run, written, mishap)
    if mishap == "retry":
        _try_again(run, node, script, row_id, started, ended, tokens)
    run.tokens += sum(tokens)
    run.price += MODELS[str(node.model)].cost(*tokens)
    run.currency = MODELS[str(node.model)].currency
    delay = (
        timedelta(seconds=run.rng.uniform(20, 60) * min(run.habits.pace, 10)) if mishap == "late_leaf" else timedelta(0)
    )
    at = run.finish_node(row_id, ended + delay, written.columns())
    script.versions.append((run.seen(at), written.unit(script.versions[-1][1])))
    if mishap == "overwritten":
        # The task that notes the start is applied after the one that notes the end.
        again = at + timedelta(seconds=2)
        run.write(again, "workflow_node_executions", row_id, {
            "status": "running", "finished_at": None, "execution_metadata": NO_CONTAINER, "process_data": None,
            "outputs": None,
        })  # fmt: skip
        script.emptied_at = run.seen(again)
        script.versions.append((script.emptied_at, script.versions[0][1]))


class _Written:
    """What a finished node's row says of its call, and what a reader can know by it."""

    def __init__(self, run: RunPlay, node: Node, tokens: tuple[int, int], inside: dict[str, object]) -> None:
        model, habits = MODELS[str(node.model)], run.habits
        self.node, self.habits, self.tokens = node, habits, tokens
        self.status, self.kind_of_end = "succeeded", "succeeded"
        self.error: str | None = None
        self.usage: dict[str, object] | None = _usage(run, node, tokens)
        self.metadata: dict[str, object] = {
            "total_tokens": sum(tokens), "total_price": habits.written_price(model.cost(*tokens)),
            "currency": model.currency, **inside,
        }  # fmt: skip
        self.text: dict[str, object] | None = {"text": run.rng.choice(run.world.canaries)}
        self.process: dict[str, object] = {
            "model_mode": "chat", "prompts": [{"role": "user", "text": run.rng.choice(run.world.canaries)}],
            "finish_reason": "stop",
        }  # fmt: skip
        if node.kind not in _MODEL_IN_GRAPH:
            self.process |= {"model_provider": habits.provider(model.provider_id), "model_name": model.name}
        self.truncated = self.broken = False

    def columns(self) -> dict[str, object]:
        """Returns the row's columns at its end."""
        process, outputs = dict(self.process), dict(self.text or {})
        in_outputs = self.node.kind == "agent" or self.habits.usage_in == "outputs"
        if self.usage is not None and self.habits.usage_in != "nowhere":
            if in_outputs or self.truncated:
                outputs["__usage" if self.node.kind == "parameter-extractor" else "usage"] = self.usage
            if not in_outputs:
                # In extreme cases a truncated value becomes a string of dots.
                process["usage"] = "..." if self.truncated else self.usage
        process_text = None if self.node.kind == "agent" else json.dumps(process)
        if self.broken and process_text:
            process_text = process_text[:60]
        values: dict[str, object] = {
            "status": self.status, "process_data": process_text,
            "outputs": json.dumps(outputs) if self.text is not None else None,
            "execution_metadata": json.dumps(self.metadata) if self.metadata else None,
        }  # fmt: skip
        return values | ({"error": self.error} if self.error else {})

    def unit(self, unit: TrueUnit) -> TrueUnit:
        """Returns the call by what its row lets a reader know."""
        model = MODELS[str(self.node.model)]
        in_process = self.node.kind != "agent" and self.habits.usage_in == "process_data" and not self.truncated
        has_usage = self.usage is not None and self.habits.usage_in != "nowhere" and not (self.broken and in_process)
        has_total = "total_tokens" in self.metadata or has_usage
        if self.node.kind not in KNOWN_KINDS and "total_tokens" not in self.metadata:
            has_total = has_usage = False  # only the total in its metadata tells that such a node called a model
        total = sum(self.tokens) if has_total else 0
        cost = model.cost(*self.tokens) if has_total and self.habits.prices_known else Decimal(0)
        named = self.node.kind in _MODEL_IN_GRAPH or not self.broken
        currency = "CNY" if model.currency == "RMB" else model.currency
        return replace(
            unit, provider=model.provider if named else None, model=model.name if named else None,
            input_tokens=self.tokens[0] if has_usage else 0, output_tokens=self.tokens[1] if has_usage else 0,
            total_tokens=total, cost=cost if cost or not total else None, currency=currency if has_total else None,
            status=self.kind_of_end,
        )  # fmt: skip


def _suffer(run: RunPlay, written: _Written, mishap: str) -> None:
    if mishap == "failed":
        # The failing call's usage is known to the run alone.
        written.status, written.kind_of_end, written.error = "failed", "failed", "boom"
        written.metadata, written.usage, written.text = {}, None, None
        run.faulty = True
    elif mishap == "stopped":
        written.status = written.kind_of_end = "stopped"
        run.faulty = True
    elif mishap == "branch":
        written.status, written.kind_of_end = "exception", "failed"
        written.metadata = {"error_strategy": "default-value"}
    elif mishap == "broken_json" and written.node.kind not in _MODEL_IN_GRAPH:
        written.broken = True
    elif mishap == "truncated":
        written.truncated = True


def _try_again(
    run: RunPlay, node: Node, script: UnitScript, row_id: str, started: datetime, ended: datetime,
    tokens: tuple[int, int],
) -> None:  # fmt: skip
    """Two attempts before the one that works: rows of their own without tokens, or usage that only the run knows."""
    first, third = (started + (ended - started) * part for part in (0.3, 0.6))
    if run.habits.retries_in_rows:
        for moment in (first, third):
            attempt_id, row = node_row(run, node, moment)
            row |= {"node_execution_id": _execution_id(run, row_id), "status": "retry", "execution_metadata": None,
                    "finished_at": naive(moment)}  # fmt: skip
            run.write(run.committed(moment), "workflow_node_executions", attempt_id, row)
            failed = replace(_leaf(run, node, attempt_id, moment), status="failed")
            if node.kind in ("llm", "question-classifier", "parameter-extractor", "agent"):
                attempt = UnitScript([(run.seen(run.committed(moment)), failed)])
                run.leaves.append(attempt)
                run.script.units.append(attempt)
        return
    run.tokens += (_ATTEMPTS - 1) * sum(tokens)
    table = "workflow_node_executions"
    run.write(run.committed(first), table, row_id, {"status": "retry", "finished_at": naive(first)})
    run.write(run.committed(third), table, row_id, {"status": "running", "created_at": naive(third)})
    born = script.versions[0][1]
    script.versions.append((run.seen(run.committed(first)), replace(born, status="failed")))
    script.versions.append((run.seen(run.committed(third)), replace(born, occurred_at=third)))


def _usage(run: RunPlay, node: Node, tokens: tuple[int, int]) -> dict[str, object]:
    model, price = MODELS[str(node.model)], run.habits.written_price
    unit = str(model.unit)
    return {
        "prompt_tokens": tokens[0], "prompt_unit_price": str(model.input_price), "prompt_price_unit": unit,
        "prompt_price": price(model.cost(tokens[0], 0)), "completion_tokens": tokens[1],
        "completion_unit_price": str(model.output_price), "completion_price_unit": unit,
        "completion_price": price(model.cost(0, tokens[1])), "total_tokens": sum(tokens),
        "total_price": price(model.cost(*tokens)), "currency": model.currency, "latency": 1.2,
    }  # fmt: skip


def _some_tokens(run: RunPlay) -> tuple[int, int]:
    return int(run.rng.randint(80, 1500) * run.scale) + 1, int(run.rng.randint(20, 600) * run.scale) + 1


def _leaf(run: RunPlay, node: Node, row_id: str, started: datetime) -> TrueUnit:
    model = MODELS[str(node.model)]
    configured = node.kind in _MODEL_IN_GRAPH
    return TrueUnit(
        event_id=f"node:{row_id}", tenant_id=run.app.tenant_id, app_id=run.app.app_id, app_mode=run.app.mode,
        run_id=run.run_id, node_id=node.node_id, node_type=node.kind, caller_kind=run.caller.kind,
        caller_id=run.caller.caller_id, provider=model.provider if configured else None,
        model=model.name if configured else None, input_tokens=0, output_tokens=0, total_tokens=0, cost=Decimal(0),
        currency=None, status="running", occurred_at=started,
    )  # fmt: skip
