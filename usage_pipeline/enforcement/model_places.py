"""Where a workflow's graph and a basic app's configuration name their models, and what a graph means."""

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

_MODEL_NODES = ("llm", "question-classifier", "parameter-extractor")
# What an editor moves about without changing what the workflow does.
_LAYOUT = ("position", "positionAbsolute", "selected", "dragging", "width", "height", "zIndex", "style", "measured")
APP = "app"


def models_of_graph(graph: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By node id, the model of each node that calls one."""
    return {node_id: dict(holder[key]) for node_id, holder, key in _places(graph)}


def with_models(graph: Mapping[str, Any], models: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the graph in which these nodes have these models."""
    changed = copy.deepcopy(dict(graph))
    for node_id, holder, key in _places(changed):
        if node_id in models:
            holder[key] = dict(models[node_id])
    return changed


def name_of(model: Mapping[str, Any]) -> tuple[str, str]:
    """Provider and name; agent nodes call the name `model`."""
    return str(model.get("provider") or ""), str(model.get("name") or model.get("model") or "")


def renamed(
    model: Mapping[str, Any], provider: str, name: str, completion_params: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The model with another name, and with other parameters where they are given."""
    changed = {**model, "provider": provider, ("name" if "name" in model else "model"): name}
    if completion_params is not None:
        changed["completion_params"] = dict(completion_params)
    return changed


def fingerprint(*parts: object) -> str:
    """The same for what means the same; nothing of the content can be read from it."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]


def meaning(graph: Mapping[str, Any]) -> object:
    """A graph without its layout."""
    nodes = [_without_layout(node) for node in graph.get("nodes") or [] if isinstance(node, Mapping)]
    edges = [
        {key: edge.get(key) for key in ("source", "sourceHandle", "target", "targetHandle")}
        for edge in graph.get("edges") or []
        if isinstance(edge, Mapping)
    ]
    return [sorted(nodes, key=lambda node: str(node.get("id"))), sorted(edges, key=str)]


def _without_layout(node: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in node.items() if key not in _LAYOUT}
    if isinstance(found.get("data"), Mapping):
        found["data"] = {key: value for key, value in found["data"].items() if key not in _LAYOUT}
    return found


def _places(graph: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Node id, the mapping that holds its model, and the key under which it does."""
    for node in graph.get("nodes") or []:
        data = node.get("data") if isinstance(node, Mapping) else None
        if not isinstance(data, dict):
            continue
        holder: object = data
        key = "model"
        if data.get("type") == "agent":
            parameters = data.get("agent_parameters")
            holder, key = (parameters.get("model") if isinstance(parameters, dict) else None), "value"
        elif data.get("type") not in _MODEL_NODES:
            continue
        if isinstance(holder, dict) and isinstance(holder.get(key), dict):
            yield str(node.get("id")), holder, key
