"""Reads the figures of one node execution from its JSON texts, however broken they are."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

_CONTAINERS = ("iteration", "loop")


def node_row(row: Sequence[object]) -> tuple[object, ...]:
    """Returns a row of stage_node from a row of nodes_text.sql; texts of prompts and answers end here."""
    *plain, finished_at, metadata_text, process_text, outputs_text = row
    metadata, readable_metadata = _object(metadata_text)
    is_container = plain[7] in _CONTAINERS
    process, readable_process = ({}, True) if is_container else _object(process_text)
    has_usage = isinstance(process.get("usage"), dict)
    outputs, readable_outputs = ({}, True) if has_usage or is_container else _object(outputs_text)
    readable = readable_metadata and readable_process and readable_outputs
    return node_figures(plain, metadata, process, outputs, finished_at=finished_at, readable=readable)


def node_figures(
    plain: Sequence[object],
    metadata: Mapping[str, object],
    process: Mapping[str, object],
    outputs: Mapping[str, object],
    *,
    finished_at: object,
    readable: bool = True,
) -> tuple[object, ...]:
    """A row of stage_node from the columns that stand first in it and the three JSON objects of an execution."""
    usage = None
    if plain[7] not in _CONTAINERS:
        found = (process.get("usage"), outputs.get("usage"), outputs.get("__usage"))
        usage = next((value for value in found if isinstance(value, dict)), None)
    figures = usage or {}
    tool = metadata.get("tool_info")
    return (
        *plain,
        _figure(metadata.get("total_tokens")),
        _figure(metadata.get("total_price")),
        _figure(metadata.get("currency")),
        _figure(tool.get("provider_type")) if isinstance(tool, dict) else None,
        _figure(figures.get("prompt_tokens")),
        _figure(figures.get("completion_tokens")),
        _figure(figures.get("total_tokens")),
        _figure(figures.get("total_price")),
        _figure(figures.get("currency")),
        _figure(process.get("model_provider")),
        _figure(process.get("model_name")),
        readable,
        _figure(tool.get("provider_id")) if isinstance(tool, dict) else None,
        finished_at,
    )


def _object(text: object) -> tuple[dict[str, object], bool]:
    """The JSON object in a text, and whether it could be read; nothing and empty texts can."""
    if not isinstance(text, str) or not text.strip():
        return {}, True
    try:
        value = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return {}, False
    return (value, True) if isinstance(value, dict) else ({}, True)


def _figure(value: object) -> str | None:
    """A number or word as text, as PostgreSQL's ``->>`` would give it; no longer than a name may be."""
    if value is None or isinstance(value, dict | list):
        return None
    return plain_text(str(value))[:255]


def plain_text(text: str) -> str:
    """Returns a text as PostgreSQL can keep it: without zero characters, and with � for half a surrogate pair."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
