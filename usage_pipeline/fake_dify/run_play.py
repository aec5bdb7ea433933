"""The state of one workflow run while it is played: its clock, what it used so far, and what its rows say."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from usage_pipeline.fake_dify.callers import Caller
from usage_pipeline.fake_dify.habits import Habits
from usage_pipeline.fake_dify.scripts import CallScript, RowWrite, TrueUnit, UnitScript
from usage_pipeline.fake_dify.world import FakeApp, World

_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_ALWAYS = datetime(1, 1, 1, tzinfo=UTC)


@dataclass
class RunPlay:
    """A run being played through. ``clock`` is the application's; rows are committed by the database's."""

    world: World
    rng: random.Random
    app: FakeApp
    caller: Caller
    script: CallScript
    run_id: str
    ending: str
    scale: float
    clock: datetime
    late: timedelta
    habits: Habits
    child_ending: str = "done"
    origin: str = "workflow-run"  # Dify's word in its node rows
    visible_from: datetime = _ALWAYS  # when the run's own row is committed
    index: int = 0
    tokens: int = 0
    price: Decimal = Decimal(0)
    currency: str = "USD"
    containers: int = 0
    container_price: Decimal = Decimal(0)
    leaves: list[UnitScript] = field(default_factory=list)
    nested: list[tuple[datetime, int]] = field(default_factory=list)
    faulty: bool = False
    called: bool = False  # as a tool, by another run

    def later(self, low: float, high: float) -> datetime:
        """Time goes on; returns the application's clock."""
        self.clock += timedelta(seconds=self.rng.uniform(low, high) * self.habits.pace)
        return self.clock

    def committed(self, moment: datetime) -> datetime:
        """When what the application does at a moment of its clock is committed, by the database's clock."""
        return moment - self.habits.app_clock + self.late

    def seen(self, committed: datetime) -> datetime:
        """From when a node's row can be read: nodes are found through their run."""
        return max(committed, self.visible_from)

    def write(self, committed: datetime, table: str, key: str, values: Mapping[str, object]) -> None:
        """One more step of the call."""
        self.script.steps.append(RowWrite(committed, table, key, values))

    def finish_node(self, row_id: str, ended: datetime, values: Mapping[str, object]) -> datetime:
        """Makes the last update of a node's row; returns when it is committed."""
        at = self.committed(ended)
        self.write(at, "workflow_node_executions", row_id, {**_ended(ended), **values})
        return at

    def is_draft(self) -> bool:
        """Returns whether the console tries the workflow out."""
        # What it calls as a tool is the published version all the same.
        return self.caller.triggered_from in ("debugging", "rag-pipeline-debugging") and not self.called

    def workflow_id(self) -> str:
        """Returns the version of the workflow that runs."""
        return self.app.draft_id if self.is_draft() else self.app.workflow_id

    def lose(self) -> None:
        """The run's own row never comes: nothing of it can be read."""
        self.visible_from = _NEVER

    def residual(self, started: datetime) -> TrueUnit:
        """Returns the residual of the run, without tokens yet."""
        return TrueUnit(
            event_id=f"residual:{self.run_id}", tenant_id=self.app.tenant_id, app_id=self.app.app_id,
            app_mode=self.app.mode, run_id=self.run_id, node_id=None, node_type=None, caller_kind=self.caller.kind,
            caller_id=self.caller.caller_id, provider=None, model=None, input_tokens=0, output_tokens=0,
            total_tokens=0, cost=None, currency=None, status="succeeded", occurred_at=started,
        )  # fmt: skip


def _ended(moment: datetime) -> dict[str, object]:
    return {"finished_at": moment.astimezone(UTC).replace(tzinfo=None), "elapsed_time": 0.5}
