"""Values that no well-meaning Dify writes, by the type of their column: one of them must cost only its own row."""

import csv
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import usage_pipeline.fake_dify.schema as postgres_schema
from usage_pipeline.fake_dify.history import History
from usage_pipeline.fake_dify.knowledge import knowledge_rows
from usage_pipeline.warehouse.connection import Connection

_COLUMNS = Path(postgres_schema.__file__).parent / "columns" / "dify_columns.csv"
# What a pass reads of. Rows of the first three are what is counted: they get their values more often.
COUNTED = ("messages", "workflow_runs", "workflow_node_executions", "message_agent_thoughts")
READ = (*COUNTED,
        "conversations", "end_users", "accounts", "apps", "tenants", "api_tokens", "tool_model_invokes", "documents",
        "document_segment_summaries",
        "datasets", "workflow_app_logs", "workflows", "tags", "tag_bindings", "tool_workflow_providers")  # fmt: skip

NAMES = (
    "",
    " ",
    "x" * 255,
    "\u202e\u0007\x1b[31m",
    "'; DROP TABLE messages; --",
    "𝔘\U0010ffff",
    "%s %(x)s {0} $1 \\",
    "NaN",
)
_DEEP = "[" * 3_000 + "]" * 3_000
_USAGE = '{"usage": %s, "model_provider": "openai", "model_name": "gpt-4o"}'
JSON_TEXTS = (
    "", "null", "[]", '"..."', "{", '{"total_tokens": -150, "total_price": "0.1"}', '{"total_tokens": 1e400}',
    '{"total_tokens": 9223372036854775807, "total_price": "1e99"}', '{"total_tokens": "NaN", "total_price": NaN}',
    '{"total_tokens": Infinity, "total_price": -Infinity}', '{"total_tokens": {"a": 1}, "total_price": [1]}',
    '{"total_tokens": 12, "total_price": "-3", "currency": "\\ud83d"}', '{"total_tokens": 1' + "0" * 5_000 + "}",
    _USAGE % '{"total_tokens": 10, "prompt_tokens": -5, "completion_tokens": 99999999999999}',
    _USAGE % '{"total_tokens": 10, "total_price": "1e30", "currency": "\\u0000"}',
    '{"model_name": "\\ud800", "usage": {"total_tokens": 3}}', '{"model_provider": "\\u0000", "model_name": {"a": []}}',
    '{"model_name": "' + "m" * 1_000_000 + '"}', '{"usage": ' + _DEEP + "}", _DEEP, '{"a": "\udcff"}',
    '{"tool_info": {"provider_type": "workflow", "provider_id": "\\udfff"}, "total_tokens": 5}', '{"tool_info": 7}',
)  # fmt: skip
_POSTGRES: Mapping[str, Sequence[str | None]] = {
    "uuid": (None, "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    "character varying": (None, *NAMES),
    "text": (None, *NAMES, *JSON_TEXTS),
    "json": (None, "null", "[]", "{}", '"\\ud83d"', '[{"text": "\\u0000\\ud83d", "role": 1}, 7, null]', _DEEP, "1e999"),
    "jsonb": (None, "null", "[]", "{}", "1e99"),
    "integer": (None, "-2147483648", "2147483647", "-1"),
    "smallint": (None, "-32768", "32767"),
    "bigint": (None, "-9223372036854775808", "9223372036854775807", "9200000000000000000", "-1"),
    "boolean": (None, "true", "false"),
    "double precision": (None, "NaN", "Infinity", "-Infinity", "1e308"),
    "numeric": (None, "NaN", "Infinity", "-Infinity", "-1", "999.9999999", "1e300", "-0.0000001"),
    "timestamp": (None, "infinity", "-infinity", "0001-01-01", "9999-12-31 23:59:59.999999", "4713-01-01 BC",
                  "294276-12-31 23:59:59.999999", "1970-01-01", "2200-01-01"),
}  # fmt: skip


@dataclass(frozen=True)
class Hostile:
    """A value for a column of a table."""

    table: str
    column: str
    value: str | None


def examples(least: int, nightly: int) -> range:
    """Returns the numbers of the examples that a test plays, many more of them at night."""
    return range(nightly if os.environ.get("USAGE_PIPELINE_HYPOTHESIS") == "nightly" else least)


def columns(version: str = "1.12.1") -> list[tuple[str, str, str]]:
    """Returns every column of the tables that are read: table, column, type."""
    with _COLUMNS.open(encoding="utf-8", newline="") as file:
        return [
            (row["table"], row["column"], row["type"])
            for row in csv.DictReader(file)
            if row["version"] == version and row["table"] in READ
        ]


def hostile_values(values: Mapping[str, Sequence[str | None]] = _POSTGRES, version: str = "1.12.1") -> list[Hostile]:
    """Returns each column with each hostile value of its type, in an order that is always the same."""
    found = [
        Hostile(table, column, value)
        for table, column, kind in columns(version)
        for value in values[next(name for name in values if kind.startswith(name))]
    ]
    # The columns that figures and times are taken from stand first in every sample.
    random.Random(13).shuffle(found)
    return sorted(found, key=lambda hostile: hostile.table not in COUNTED)


# Each of these has stopped a source for good once, or spoilt its sums.
STOPPERS = (
    Hostile("messages", "message_tokens", "-1"),
    Hostile("messages", "answer_tokens", "-2147483648"),
    Hostile("messages", "total_price", "NaN"),
    Hostile("workflow_runs", "created_at", "infinity"),
    # Three in one pass: each fits into a bigint, their sum does not.
    *[Hostile("workflow_runs", "total_tokens", "9200000000000000000")] * 3,
    Hostile(
        "workflow_node_executions",
        "process_data",
        '{"usage": {"total_tokens": 9200000000000000000, "prompt_tokens": 9200000000000000000}}',
    ),
    Hostile("workflow_node_executions", "process_data", '{"model_name": "\\ud800", "usage": {"total_tokens": 3}}'),
)


def sample(found: Sequence[Hostile], size: int, first: Sequence[Hostile] = ()) -> Iterator[Hostile]:
    """Yields so many, three of four from the tables that are counted; all of them when there are fewer.

    ``first`` come first.
    """
    yield from first
    counted = [hostile for hostile in found if hostile.table in COUNTED]
    rest = [hostile for hostile in found if hostile.table not in COUNTED]
    for number in range(min(size, len(found)) - len(first)):
        pool = rest if (number % 4 == 3 and rest) or not counted else counted
        yield pool.pop()


def some_knowledge(history: History) -> dict[str, dict[str, Mapping[str, object]]]:
    """Returns the rows of a knowledge base of two documents and their summaries, embedded in the last hours."""
    documents = {"guide": (500, history.now - timedelta(hours=3)), "list": (300, history.now - timedelta(hours=2))}
    return knowledge_rows(history.world, "Support", "Handbook", documents, {"guide": 40, "list": 7})


Figures = tuple[object, ...]


def figures(warehouse: Connection) -> dict[str, Figures]:
    """Returns what is counted of each event, estimates too."""
    found = warehouse.execute(
        "SELECT event_id, input_tokens, output_tokens, total_tokens, logged_cost, run_id FROM usage.usage_event"
    ).fetchall()
    return {str(row[0]): row[1:] for row in found}


def assert_rest_is_counted(
    before: Mapping[str, Figures], after: Mapping[str, Figures], row_ids: set[str], runs: set[str]
) -> None:
    """Fails unless every event that the rows have no part in is what it was, and none came or went beside theirs."""

    def theirs(event_id: str, event: Figures) -> bool:
        kind, _, row_id = event_id.partition(":")
        return row_id in row_ids or (kind == "residual" and (row_id in runs or str(event[-1]) in runs))

    wanted = {event_id: event for event_id, event in before.items() if not theirs(event_id, event)}
    found = {event_id: event for event_id, event in after.items() if not theirs(event_id, event)}
    # A leaf may be told to belong to another run by then.
    assert {name: event[:-1] for name, event in wanted.items()} == {name: event[:-1] for name, event in found.items()}


def assert_sane(warehouse: Connection) -> None:
    """Fails when something was counted that no sum can hold."""
    bad = warehouse.execute(
        "SELECT event_id FROM usage.usage_event WHERE total_tokens NOT BETWEEN 0 AND 2000000000000"
        " OR input_tokens < 0 OR output_tokens < 0 OR NOT coalesce(logged_cost BETWEEN 0 AND 1000000000000, true)"
        " OR NOT coalesce(base_cost BETWEEN 0 AND 1000000000000, true) OR occurred_at < '2000-01-01'"
        " OR occurred_at > now() + interval '3 days'"
    ).fetchall()
    assert not bad
