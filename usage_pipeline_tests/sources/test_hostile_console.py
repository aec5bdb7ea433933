"""Whatever the console says of one row, it is set aside or counted, and all others count."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from usage_pipeline.ingest.read_source import read_source
from usage_pipeline.settings import load_settings
from usage_pipeline.sources.registry import open_source
from usage_pipeline.usage.roll_up import changed_days, roll_up
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline_tests.support.console_company import ConsoleCompany, assert_as_shown, console_company
from usage_pipeline_tests.support.hostile_values import Figures, assert_sane, examples, figures

_AT_ONCE = 10
_DEEP: object = 5
for _ in range(400):
    _DEEP = [_DEEP]
_VALUES: Sequence[object] = (
    *(None, "", {}, [], [{}], {"a": None}, True, -1, -5.5, 10**30, 2**63, -(2**63), float("nan"), float("inf"), 1e308),
    *("NaN", "-5", "1e400", "\ud83d", "\u0000", "x" * 1_000_000, "9999-12-31T00:00:00", "0", float("-inf"), _DEEP),
    *(253402300800, -62135596800),
)
# Where a row of each kind stands in Dify, and what of it the console shows that is read.
_KEYS: Mapping[str, Sequence[str]] = {
    "message": ("id", "message_tokens", "answer_tokens", "created_at", "status", "error", "answer", "workflow_run_id"),
    "conversation": ("id", "created_at", "updated_at", "model_config", "from_source", "from_end_user_session_id",
                     "from_account_id"),
    "run": ("id", "status", "total_tokens", "created_at", "finished_at", "version", "created_by_account",
            "created_by_end_user", "triggered_from", "graph"),
    "node": ("id", "node_id", "node_type", "title", "status", "created_at", "finished_at", "execution_metadata",
             "process_data", "outputs", "execution_metadata.total_tokens", "execution_metadata.total_price",
             "execution_metadata.currency", "process_data.usage", "process_data.model_name",
             "process_data.model_provider", "process_data.usage.total_tokens", "process_data.usage.prompt_tokens",
             "created_by_end_user"),
    "app": ("id", "name", "mode", "tags", "model_config"),
}  # fmt: skip
_ROWS = {
    "message": "SELECT id::text, ARRAY[id::text, workflow_run_id::text] FROM messages",
    "conversation": "SELECT c.id::text, array_agg(m.id::text) || array_agg(m.workflow_run_id::text)"
    " FROM conversations c"
    " JOIN messages m ON m.conversation_id = c.id GROUP BY c.id",
    "run": "SELECT id::text, ARRAY[id::text] FROM workflow_runs",
    "node": "SELECT id::text, ARRAY[id::text, workflow_run_id::text] FROM workflow_node_executions"
    " WHERE workflow_run_id IS NOT NULL",
    "app": "SELECT id::text, ARRAY[id::text] FROM apps",
}


@dataclass(frozen=True)
class Planted:
    """A hostile value in a row's answer, and the ids of rows, runs and apps whose events it may change."""

    row_id: str
    key: str
    value: object
    touches: frozenset[str]


def rewritten(document: object, planted: Mapping[str, Planted]) -> object:
    """The answer with the hostile values in it."""
    if isinstance(document, list):
        return [rewritten(part, planted) for part in document]
    if not isinstance(document, dict):
        return document
    found = {key: rewritten(part, planted) for key, part in document.items()}
    hostile = planted.get(str(document.get("id")))
    if hostile:
        *above, last = hostile.key.split(".")
        place = found
        for key in above:
            place = place[key] if isinstance(place.get(key), dict) else {}
        if last in place:
            place[last] = hostile.value
    return found


def plant(rows: Mapping[str, Sequence[tuple[str, list[str | None]]]], chance: random.Random) -> dict[str, Planted]:
    """Some hostile values, each in a row of its own that shares no run with another's."""
    found: dict[str, Planted] = {}
    touched: set[str] = set()
    while len(found) < _AT_ONCE:
        # What is most of the rows is most of what breaks; an app is a third of them.
        kind = chance.choice(
            ("message", "conversation", "run", "run", "node", "node", "node", *(["app"] if not found else []))
        )
        row_id, touches = chance.choice(rows[kind])
        ids = {str(name) for name in touches if name} | {row_id}
        if not ids & touched:
            touched |= ids
            key, value = chance.choice(_KEYS[kind]), chance.choice(_VALUES)
            # A row of another id is another row.
            other = {value} if key == "id" and isinstance(value, str) else set()
            found[row_id] = Planted(row_id, key, value, frozenset(ids | other))
    return found


@dataclass
class Place:
    """A company behind its console, and warehouses to read it into."""

    read: ConsoleCompany
    new_warehouse: Callable[[], str]
    rows: Mapping[str, Sequence[tuple[str, list[str | None]]]]

    def into(self, warehouse: Connection) -> None:
        """One pass over the console, with the sums that follow it."""
        settings = load_settings(self.read.config)
        source = open_source(settings.sources[0], settings)
        try:
            read_source(warehouse, source, settings, sweep=True, wait_for_others=timedelta(0))
        finally:
            source.close()
        roll_up(warehouse, changed_days(warehouse))


@pytest.fixture
def place(
    new_database: Callable[[], str], new_warehouse: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """A small company behind its console."""
    url = new_warehouse()
    with console_company(new_database, url, tmp_path, seed=96, days=1, calls_a_day=2.5) as read:
        for name, value in read.variables.items():
            monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
        with connected(read.company.dify_url) as dify:
            rows = {kind: dify.execute(f"{query} ORDER BY 1").fetchall() for kind, query in _ROWS.items()}
        yield Place(read, new_warehouse, rows)  # type: ignore[arg-type]


def rest(found: Mapping[str, Figures], apps: Mapping[str, str], touched: set[str]) -> dict[str, Figures]:
    """The events that none of the planted rows has a part in."""
    return {
        name: event
        for name, event in found.items()
        if not {name.partition(":")[2], str(event[-1]), apps.get(name, "")} & touched
    }


def apps_of(warehouse: Connection) -> dict[str, str]:
    """The app of each event."""
    return {str(a): str(b) for a, b in warehouse.execute("SELECT event_id, app_id FROM usage.usage_event").fetchall()}


def test_any_value_in_any_answer_costs_only_its_own_row(place: Place) -> None:
    with connected(place.read.company.warehouse_url) as warehouse:
        place.into(warehouse)
        assert_as_shown(warehouse, place.read.shown_truth())
        wanted, apps = figures(warehouse), apps_of(warehouse)
    for number in examples(6, 500):
        chance = random.Random(number)
        planted = plant(place.rows, chance)
        touched = set().union(*(hostile.touches for hostile in planted.values()))
        said = [(hostile.row_id, hostile.key, str(hostile.value)[:40]) for hostile in planted.values()]
        with connected(place.new_warehouse()) as warehouse:
            place.read.fake.rewrite = lambda document: rewritten(document, planted)  # noqa: B023
            try:
                place.into(warehouse)
            except Exception as error:
                raise AssertionError(f"example {number}: {said}") from error
            finally:
                place.read.fake.rewrite = None
            found = figures(warehouse)
            assert rest(found, apps_of(warehouse), touched) == rest(wanted, apps, touched), f"example {number}: {said}"
            assert_sane(warehouse)
            place.into(warehouse)
            # A run that was final when it was read is not asked for again: what was counted of it stays. What had
            # another id, no app or a type that is not known (a container counts as a leaf then) was seen as what it
            # is not.
            hidden = ("id", "mode", "node_type")
            unseen = set().union(*(hostile.touches for hostile in planted.values() if hostile.key in hidden))
            again = rest(figures(warehouse), apps_of(warehouse), unseen)
            assert again.keys() == rest(wanted, apps, unseen).keys(), f"example {number}: {said}"
