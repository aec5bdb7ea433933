"""Iterations and loops of any shape: an inflated total books nothing, attempts that only the total knows are booked."""

import json
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from usage_pipeline.fake_dify.write import copy_rows
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.support.company import Company, build_company

How = Literal["inflated", "inflated by an old Dify", "inflated without rounds", "tried again", "tried again in rows",
              "failed"]  # fmt: skip
HOWS: tuple[How, ...] = ("inflated", "inflated by an old Dify", "inflated without rounds", "tried again",
                         "tried again in rows", "failed")  # fmt: skip
RUNS = 180
Row = dict[str, object]
Marks = Mapping[str, object]


@dataclass
class Shape:
    """A run being made up: its rows, what it used, and what its total says."""

    rng: random.Random
    how: How
    nested: bool  # a container may stand in another
    leaves: list[tuple[int, Marks]] = field(default_factory=list)
    containers: list[tuple[str, int]] = field(default_factory=list)  # kind, what it says
    attempts: int = 0  # tokens of attempts that no row tells
    rounds: int = 0

    @property
    def is_inflated(self) -> bool:
        """Whether a round goes on from the run's sum so far and is added to it as a whole."""
        return self.how.startswith("inflated")

    def items(self, total: int, marks: Marks, depth: int) -> int:
        """Plays some calls and containers after another; returns the total after them."""
        # Calls that do not say in which round they were are told by their figures where rounds are alike.
        for _ in range(1 if self.how == "inflated without rounds" else self.rng.randint(1, 2)):
            if depth < (2 if self.nested else 1) and self.rng.random() < 0.6:
                total = self._container(total, marks, "loop" if "iteration_id" in marks else "iteration", depth)
            else:
                total = self._leaf(total, marks)
        return total

    def _container(self, total: int, marks: Marks, kind: str, depth: int) -> int:
        began, used_before = total, sum(tokens for tokens, _ in self.leaves) + self.attempts
        node = str(uuid.UUID(int=self.rng.getrandbits(128)))
        for number in range(self.rng.randint(1, 4)):
            self.rounds += 1
            inside = {**marks, f"{kind}_id": node, f"{kind}_index": number}
            if self.is_inflated:
                total += self.items(total, inside, depth + 1)
            else:
                total = self.items(total, inside, depth + 1)
        repeated = sum(tokens for tokens, _ in self.leaves) + self.attempts - used_before
        says_the_rest = self.is_inflated and self.rng.random() < 0.5
        self.containers.append((kind, total - began if says_the_rest else repeated))
        return total

    def _leaf(self, total: int, marks: Marks) -> int:
        tokens = self.rng.randint(80, 2_000)
        self.leaves.append((tokens, marks))
        tried = self.how.startswith("tried again") and self.rng.random() < 0.3
        more = self.rng.randint(60, tokens) if tried else 0
        self.attempts += more
        return total + tokens + more


@pytest.fixture
def company(new_database: Callable[[], str], warehouse_url: str) -> Company:
    """A company that has not called anything."""
    return build_company(new_database, warehouse_url, seed=7, days=1, calls_a_day=0, runaway_calls=0)


def shape(number: int) -> tuple[Shape, int]:
    """A run of some shape that has a container, and its total."""
    rng = random.Random(number)
    how = HOWS[number % len(HOWS)]
    while True:
        made = Shape(rng, how, nested=how == "inflated" and rng.random() < 0.5)
        total = made._leaf(0, {}) if rng.random() < 0.8 else 0
        total = made.items(total, {}, 0)
        if rng.random() < 0.5:
            total = made._leaf(total, {})
        if made.containers and (how != "failed" or len(made.leaves) > 1):
            break
    if how == "failed":
        # The last call failed, and its row says nothing.
        tokens, marks = made.leaves[-1]
        made.attempts = tokens
        made.leaves[-1] = (0, marks)
    return made, total


def rows_of(company: Company, made: Shape, total: int, number: int) -> tuple[str, dict[str, dict[str, Row]]]:
    """A run's id and its rows, as Dify stores them."""
    app = company.history.world.apps["campaign-flow"]
    creator = next(iter(company.history.world.accounts.values()))
    run_id = str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))
    began = (datetime.now(UTC) - timedelta(hours=3)).replace(tzinfo=None)
    common: Row = {"tenant_id": app.tenant_id, "app_id": app.app_id, "workflow_id": app.workflow_id,
                   "created_by_role": "account", "created_by": creator}  # fmt: skip
    run = {**common, "id": run_id, "type": "workflow", "triggered_from": "app-run", "version": "v",
           "status": "succeeded", "total_tokens": total, "created_at": began,
           "finished_at": began + timedelta(minutes=5), "elapsed_time": 1, "total_steps": 1}  # fmt: skip
    nodes: dict[str, Row] = {}

    def node(kind: str, tokens: int, marks: Marks, status: str) -> None:
        node_id, at = str(uuid.uuid4()), began + timedelta(seconds=len(nodes))
        shown = {} if made.how == "inflated without rounds" else marks
        old = made.how in ("inflated by an old Dify", "tried again in rows")
        metadata = {"total_tokens": tokens, "total_price": "0", "currency": "USD", **shown} if tokens else None
        nodes[node_id] = {
            **common, "id": node_id, "workflow_run_id": run_id, "triggered_from": "workflow-run", "index": len(nodes),
            "node_id": f"n{len(nodes)}", "node_type": kind, "title": kind, "status": status, "created_at": at,
            "finished_at": at + timedelta(seconds=1), "elapsed_time": 1,
            "execution_metadata": json.dumps(metadata) if metadata else None,
            "node_execution_id": str(uuid.uuid4()) if old else node_id,
        }  # fmt: skip

    for tokens, marks in made.leaves:
        node("llm", tokens, marks, "succeeded" if tokens else "failed")
    if made.how == "tried again in rows" and made.attempts:
        node("llm", 0, {}, "retry")
    for kind, said in made.containers:
        node(kind, said, {}, "succeeded")
    return run_id, {"workflow_runs": {run_id: run}, "workflow_node_executions": nodes}


def test_what_rounds_add_is_booked_nowhere_and_what_attempts_used_is(company: Company) -> None:
    truth: dict[str, tuple[How, int]] = {}
    tables: dict[str, dict[str, Row]] = {"workflow_runs": {}, "workflow_node_executions": {}}
    inflated = 0
    for number in range(RUNS):
        made, total = shape(number)
        used = sum(tokens for tokens, _ in made.leaves) + made.attempts
        inflated += total > used
        run_id, rows = rows_of(company, made, total, number)
        truth[run_id] = (made.how, used)
        for table, found in rows.items():
            tables[table].update(found)
    assert inflated > RUNS // 3, "or this would show nothing"
    with connected(company.dify_url) as dify:
        copy_rows(dify, tables)
    assert not company.run().source_errors
    with connected(company.warehouse_url) as warehouse:
        booked = dict(
            warehouse.execute("SELECT run_id, sum(total_tokens)::bigint FROM usage.usage_event GROUP BY 1").fetchall()
        )
        kept = warehouse.execute("SELECT count(*) FROM usage.source_problem WHERE kind = 'unexplained'").fetchone()
    wrong = {run_id: (how, used, booked[run_id]) for run_id, (how, used) in truth.items() if booked[run_id] != used}
    assert not wrong
    assert kept == (inflated,)
