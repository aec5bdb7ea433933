"""Reads the figures of one node execution from its JSON texts, however broken they are."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

_CONTAINERS = ("iteration", "loop")
_CALLS_A_MODEL = ("llm", "question-classifier", "parameter-extractor", "agent")
_ENDED = ("failed", "stopped")
_CUT_OFF = ("running", "pending", *_ENDED)
# Where the columns that are taken as they are end, and where two of them stand.
_PLAIN, _NODE_TYPE, _STATUS = 12, 7, 9


@dataclass(frozen=True)
class Written:
    """What stands in a node's row beside its plain columns."""

    metadata: Mapping[str, object]
    process: Mapping[str, object]
    outputs: Mapping[str, object]
    finished_at: object
    readable: bool = True
    own_attempts: object = None
    prompt_octets: object = None
    answer_octets: object = None


def node_row(row: Sequence[object]) -> tuple[object, ...]:
    """Returns a row of stage_node from a row of nodes_text.sql; texts of prompts and answers end here."""
    plain, written = row[:_PLAIN], _texts(row)
    inputs_text, own_attempts = (*row[_PLAIN + 4 :], None, None)[:2]
    prompt, answer = said_octets(plain, written, _object(inputs_text)[0])
    return node_figures(plain, replace(written, own_attempts=own_attempts, prompt_octets=prompt, answer_octets=answer))


def cut_node_row(row: Sequence[object]) -> tuple[object, ...]:
    """Returns a row of stage_node from one whose JSON was cut down to figures, and lengths counted, on the server."""
    prompt, answer, own_attempts = row[_PLAIN + 4 :]
    return node_figures(
        row[:_PLAIN],
        replace(_texts(row), own_attempts=own_attempts, prompt_octets=prompt, answer_octets=answer),
    )


def _texts(row: Sequence[object]) -> Written:
    """When a node ended, and what the JSON texts of its metadata, process data and outputs hold."""
    finished_at, metadata_text, process_text, outputs_text = row[_PLAIN : _PLAIN + 4]
    metadata, readable_metadata = _object(metadata_text)
    is_container = row[_NODE_TYPE] in _CONTAINERS
    process, readable_process = ({}, True) if is_container else _object(process_text)
    has_usage = isinstance(process.get("usage"), dict)
    outputs, readable_outputs = ({}, True) if has_usage or is_container else _object(outputs_text)
    readable = readable_metadata and readable_process and readable_outputs
    return Written(metadata, process, outputs, finished_at, readable)


def node_figures(plain: Sequence[object], written: Written) -> tuple[object, ...]:
    """Returns a row of stage_node from the columns that stand first in it and what else its row holds."""
    metadata, process = written.metadata, written.process
    figures = _usage(plain, written) or {}
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
        written.readable,
        _figure(tool.get("provider_id")) if isinstance(tool, dict) else None,
        written.finished_at,
        _round(metadata, "iteration"),
        _round(metadata, "loop"),
        written.own_attempts,
        written.prompt_octets,
        written.answer_octets,
    )


def said_octets(
    plain: Sequence[object], written: Written, inputs: Mapping[str, object]
) -> tuple[int | None, int | None]:
    """Returns the bytes of prompt (else inputs) and of answer of a call that was broken off and says no tokens."""
    is_cut = plain[_STATUS] in _CUT_OFF and plain[_NODE_TYPE] in _CALLS_A_MODEL
    if not is_cut or written.metadata.get("total_tokens") is not None or _usage(plain, written):
        return None, None
    prompts = written.process.get("prompts")
    said = [part.get("text") for part in prompts if isinstance(part, dict)] if isinstance(prompts, list) else []
    if not any(text is not None for text in said) and plain[_STATUS] in _ENDED:
        said = list(inputs.values())
    prompt = [_octets(text) for text in said if text is not None]
    answer = written.outputs.get("text")
    return (sum(prompt) if prompt else None), (_octets(answer) if answer is not None else None)


def _octets(text: object) -> int:
    return len(str(text).encode("utf-8", "surrogatepass"))


def _usage(plain: Sequence[object], written: Written) -> Mapping[str, object] | None:
    if plain[_NODE_TYPE] in _CONTAINERS:
        return None
    found = (written.process.get("usage"), written.outputs.get("usage"), written.outputs.get("__usage"))
    return next((value for value in found if isinstance(value, dict)), None)


def _round(metadata: Mapping[str, object], kind: str) -> str | None:
    """Which round of which iteration or loop, as text; None outside of any."""
    container, number = _figure(metadata.get(f"{kind}_id")), _figure(metadata.get(f"{kind}_index"))
    return None if container is None or number is None else f"{container} {number}"[:255]


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
