"""Plays hostile values: several rows of a Dify hold one each while it is read, and one by one when that went wrong."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.hostile_values import Hostile, assert_rest_is_counted, assert_sane, figures

# A pass costs the same with one hostile row as with many; of so many rows most of a small company is left to compare.
AT_ONCE = 10
_NODES = "workflow_node_executions"


@dataclass(frozen=True)
class Parts:
    """The ids of rows and of runs whose figures a row has a part in."""

    rows: frozenset[str]
    runs: frozenset[str]

    def __or__(self, other: "Parts") -> "Parts":
        return Parts(self.rows | other.rows, self.runs | other.runs)


@dataclass(frozen=True)
class Changed:
    """A row that holds a hostile value, by the id it had and the one it has now."""

    hostile: Hostile
    row_id: str
    now_id: str
    parts: Parts


class Dify(Protocol):
    """A Dify that has been read, of which rows are changed and put back."""

    @property
    def warehouse(self) -> Connection:
        """Where it is read to."""

    def read(self) -> None:
        """One pass over the source, with the sums that follow it."""

    def some_rows(self, hostile: Hostile, number: int) -> Iterable[str]:
        """Ids of rows that may hold the value and that a pass reads again, in an order that the number mixes."""

    def parts(self, table: str, row_id: str) -> Parts:
        """What the row has a part in, itself as well."""

    def change(self, hostile: Hostile, row_id: str) -> str | None:
        """Keeps the row and gives it the value. Returns the id it has now; None when the database refuses the value."""

    def put_back(self, changed: Changed) -> None:
        """The row is what it was."""


def play_all(dify: Dify, examples: Iterable[Hostile]) -> int:
    """Plays every example that the database takes, several at once; returns how many it took.

    Raises AssertionError with the one that is to blame, or with all of its pass when none is by itself.
    """
    waiting, taken = list(enumerate(examples)), 0
    while waiting:
        now, waiting = _fitting(dify, waiting)
        taken += _play_or_blame(dify, now)
    return taken


_Numbered = tuple[int, Hostile]


def _fitting(dify: Dify, waiting: Sequence[_Numbered]) -> tuple[list[tuple[Hostile, str]], list[_Numbered]]:
    """Returns the examples of one pass with their rows, none of which has a part in another's, and what waits on."""
    chosen: list[tuple[Hostile, str]] = []
    left: list[_Numbered] = []
    touched: set[str] = set()
    for at, (number, hostile) in enumerate(waiting):
        if len(chosen) == AT_ONCE:
            return chosen, [*left, *waiting[at:]]
        candidates = list(dify.some_rows(hostile, number))
        for row_id in candidates:
            parts = dify.parts(hostile.table, row_id)
            ids = parts.rows | parts.runs | ({str(hostile.value)} if hostile.column == "id" else set())
            if not ids & touched:
                touched |= ids
                chosen.append((hostile, row_id))
                break
        else:
            # A table without such a row holds no value; another's row is free in the next pass.
            left += [(number, hostile)] if candidates and chosen else []
    return chosen, left


def _play_or_blame(dify: Dify, chosen: Sequence[tuple[Hostile, str]]) -> int:
    try:
        return _play(dify, chosen)
    except Exception as error:
        if len(chosen) > 1:
            dify.read()
            for one in chosen:
                _play_or_blame(dify, [one])
        said = "; ".join(f"{hostile.table}.{hostile.column} = {str(hostile.value)[:80]!r}" for hostile, _ in chosen)
        raise AssertionError(said) from error


def _play(dify: Dify, chosen: Sequence[tuple[Hostile, str]]) -> int:
    """Gives the rows their values, reads, compares, puts them back and reads again."""
    before, problems = figures(dify.warehouse), _problems(dify.warehouse)
    changed: list[Changed] = []
    try:
        changed += _changes(dify, chosen)
        dify.read()
        _assert_others_are_counted(dify, before, changed)
    finally:
        for one in reversed(changed):
            dify.put_back(one)
    dify.read()
    new_ids = [one.now_id for one in changed if one.now_id != one.row_id]
    # A node of a kind that calls no model is not read once it says no tokens any more: what it said stays counted.
    new_ids += [one.row_id for one in changed if one.hostile.table == _NODES and one.hostile.column != "node_type"
                and f"node:{one.row_id}" not in before]  # fmt: skip
    dify.warehouse.execute("DELETE FROM usage.usage_event WHERE split_part(event_id, ':', 2) = ANY(%s)", [new_ids])
    now = figures(dify.warehouse)
    differing = {name: (before.get(name), now.get(name)) for name in before.keys() | now.keys()
                 if before.get(name) != now.get(name)}  # fmt: skip
    assert not differing, f"a row that is right again is counted as it was: {differing}"
    assert not _problems(dify.warehouse) - problems, "a problem that is over is taken off"
    return len(changed)


def _changes(dify: Dify, chosen: Sequence[tuple[Hostile, str]]) -> Iterator[Changed]:
    for hostile, row_id in chosen:
        parts = dify.parts(hostile.table, row_id)
        now_id = dify.change(hostile, row_id)
        if now_id is not None:
            yield Changed(hostile, row_id, now_id, parts)


def _assert_others_are_counted(dify: Dify, before: dict[str, tuple[object, ...]], changed: Sequence[Changed]) -> None:
    now = figures(dify.warehouse)
    touched = Parts(frozenset(), frozenset())
    for one in changed:
        touched |= one.parts | dify.parts(one.hostile.table, one.now_id)
    assert_rest_is_counted(before, now, set(touched.rows), set(touched.runs))
    assert_sane(dify.warehouse)
    ours = {row_id for one in changed for row_id in one.parts.rows}
    lost = {name for name in before.keys() - now.keys() if name.rpartition(":")[2] in ours and "stopped:" not in name}
    assert not {name for name in lost if not name.startswith("residual:")}, "what was counted once stays counted"


def _problems(warehouse: Connection) -> set[tuple[object, ...]]:
    return set(
        warehouse.execute(
            "SELECT kind, row_id FROM usage.source_problem WHERE kind IN ('set_aside', 'unreadable_json')"
        ).fetchall()
    )
